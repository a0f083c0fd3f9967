// The 36 products of a convolution by Winograd's algorithm, one for each place of a tile: m[place, t, n] = sum over k of
// v[place, t, k] u[place, k, n]. Rows are (place, tile); TILES is a multiple of the rows of any micro-kernel's tile, so that
// such a tile has one place.
// a = v and c = m as in winograd/tiles.wgsl, b = u as in winograd/weights.wgsl.
override TILES: u32;
override M: u32;
override N: u32;
override K: u32;

const BLOCK = 32u;
const A_ALONG_K = true;
const B_ALONG_K = false;

var<private> weights_of_place: u32;

fn begin_tile(first: u32, last: u32) -> u32 {
    weights_of_place = min(first, M - 1u) / TILES * ((N + 31u) / 32u * 32u * padded(K));
    return K;
}

fn ends_with_slice() -> bool {
    return K % 16u == 0u;
}

fn padded(channels: u32) -> u32 {
    return (channels + 7u) / 8u * 8u;
}

// The first float of channels 0 to 3 of a row where the tiles have so many channels.
fn first_of_row(row: u32, channels: u32) -> u32 {
    let tile = row % TILES;
    return row / TILES * (TILES * padded(channels)) + tile / BLOCK * (BLOCK * padded(channels)) + tile % BLOCK * 4u;
}

fn a_row(m: u32) -> vec4<i32> {
    return vec4(i32(first_of_row(min(m, M - 1u), K)), 0, 0, 0);
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    return array(vec4(i32(k * BLOCK), 0, 0, 0), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return read_a(u32(row.x + column.x));
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    let column = min(n, N - 4u);
    return read_b(weights_of_place + (column / 32u * padded(K) + k) * 32u + column % 32u);
}

// For tiles, which find a four once and then walk: its place in memory, and 0, or 4 past the end of the sum.
fn place_a(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    return vec2(u32(row.x + column.x), 0u);
}

fn load_at_a(place: vec2<u32>, row: vec4<i32>) -> vec4<f32> {
    return read_a(place.x);
}

fn place_b(k: u32, n: u32) -> vec2<u32> {
    let column = min(n, N - 4u);
    return vec2(weights_of_place + (column / 32u * padded(K) + k) * 32u + column % 32u, 0u);
}

fn load_at_b(place: vec2<u32>) -> vec4<f32> {
    if (ends_with_slice()) { return read_b(place.x); }
    return select(vec4<f32>(), read_b(place.x), place.y == 0u);
}

// The end of the slices of 16 k, from that at k on, that are walked with these steps.
fn end_of_walk(k: u32) -> u32 {
    return select(k + 16u, K, ends_with_slice());
}

fn steps() -> vec2<u32> {
    return vec2(16u * BLOCK, 16u * 32u);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    if (m < M && n < N) {
        let i = first_of_row(m, N) + n * BLOCK;
        write_c(i, s[0]);
        write_c(i + 4u, s[1]);
        write_c(i + 8u, s[2]);
        write_c(i + 12u, s[3]);
    }
}
