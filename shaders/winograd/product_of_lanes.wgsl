// The products of winograd/product, by winograd/lanes: the rows are tiles, and k counts channels, of which LENGTH are in memory.
// a = v and c = m as in winograd/tiles.wgsl with BLOCKS blocks of tiles, b = u as in winograd/weights.wgsl.
override BLOCKS: u32;
override N: u32;

const BLOCK = 32u;

var<private> first_a: u32;
var<private> first_b: u32;

// The first float of channels 0 to 3 of the first tile of a lane, where tiles have so many channels in memory.
fn first_of_group(place: u32, group: u32, channels: u32) -> u32 {
    return (place * BLOCKS + group / 8u) * (channels * BLOCK) + group % 8u * 16u;
}

fn begin_product(place: u32, group: u32, block: u32, lane: u32) {
    first_a = first_of_group(place, min(group, BLOCKS * 8u - 1u), LENGTH);
    first_b = ((place * COLUMN_TILES + block) * (LENGTH * 8u) + lane) * 4u;
}

fn load_rows(k: u32) -> array<vec4<f32>, 8> {
    let i = first_a + k * BLOCK;
    let j = i + 4u * BLOCK;
    let a = transpose(mat4x4(read_a(i), read_a(i + 4u), read_a(i + 8u), read_a(i + 12u)));
    let b = transpose(mat4x4(read_a(j), read_a(j + 4u), read_a(j + 8u), read_a(j + 12u)));
    return array(a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]);
}

fn load_columns(k: u32, load: u32, lane: u32) -> vec4<f32> {
    return read_b(first_b + k * 32u + load * LANES * 4u);
}

fn store_rows(place: u32, group: u32, n: u32, s: array<vec4<f32>, 4>) {
    if (group < BLOCKS * 8u && n < N) {
        let i = first_of_group(place, group, (N + 7u) / 8u * 8u) + n * BLOCK;
        write_c(i, s[0]);
        write_c(i + 4u, s[1]);
        write_c(i + 8u, s[2]);
        write_c(i + 12u, s[3]);
    }
}
