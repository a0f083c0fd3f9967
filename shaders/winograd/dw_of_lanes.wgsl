// The products of winograd/dw_product, by winograd/lanes: the rows are channels of x, and k counts tiles, of which there are
// LENGTH. a = v and b = e as in winograd/tiles.wgsl, c = s [parts, 36, CIN, N], written from float FIRST on.
override CIN: u32;
override N: u32;
override FIRST: u32;

const BLOCK = 32u;

var<private> first_a: u32;
var<private> first_b: u32;

// Channels in memory of tiles with so many.
fn padded(channels: u32) -> u32 {
    return (channels + 7u) / 8u * 8u;
}

// The place of tile k where tiles have so many channels.
fn place_of_tile(k: u32, channels: u32) -> u32 {
    return k / BLOCK * (BLOCK * padded(channels)) + k % BLOCK * 4u;
}

fn begin_product(place: u32, group: u32, block: u32, lane: u32) {
    first_a = place * (LENGTH * padded(CIN)) + min(group, CIN / 4u - 1u) * (BLOCK * 4u);
    let quad = min(block * 8u + lane % 8u, N / 4u - 1u);
    first_b = place * (LENGTH * padded(N)) + quad * (BLOCK * 4u) + lane / 8u * 4u;
}

fn load_rows(k: u32) -> array<vec4<f32>, 8> {
    let i = first_a + place_of_tile(k, CIN);
    return array(
        read_a(i),
        read_a(i + 4u),
        read_a(i + 8u),
        read_a(i + 12u),
        read_a(i + 16u),
        read_a(i + 20u),
        read_a(i + 24u),
        read_a(i + 28u),
    );
}

fn load_columns(k: u32, load: u32, lane: u32) -> vec4<f32> {
    return read_b(first_b + place_of_tile(k, N) + load * (LANES / 8u) * 4u);
}

fn store_rows(place: u32, group: u32, n: u32, s: array<vec4<f32>, 4>) {
    if (group < CIN / 4u && n < N) {
        let i = FIRST + (place * CIN + group * 4u) * N + n;
        write_c(i, s[0]);
        write_c(i + N, s[1]);
        write_c(i + 2u * N, s[2]);
        write_c(i + 3u * N, s[3]);
    }
}
