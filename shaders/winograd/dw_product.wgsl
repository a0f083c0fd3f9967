// The 36 products of a gradient of weights by Winograd's algorithm, one for each place of a tile: s[place, c, n] = sum over
// the tiles t of v[place, t, c] e[place, t, n]. Rows are (place, channel), with PLACE_ROWS channels of a place, of which CIN are
// stored; PLACE_ROWS is a multiple of the rows of the micro-kernel's tile, so that such a tile has one place.
// a = v and b = e as in winograd/tiles.wgsl with K tiles, c = s [parts, 36, CIN, N], written from float FIRST on.
override PLACE_ROWS: u32;
override CIN: u32;
override FIRST: u32;
override M: u32;
override N: u32;
override K: u32;

const A_ALONG_K = false;
const B_ALONG_K = false;

const BLOCK = 32u;

var<private> first_b: u32;

fn begin_tile(first: u32, last: u32) -> u32 {
    first_b = min(first, M - 1u) / PLACE_ROWS * (padded(N) * K);
    return K;
}

fn ends_with_slice() -> bool {
    return K % 16u == 0u;
}

fn padded(channels: u32) -> u32 {
    return (channels + 7u) / 8u * 8u;
}

// The place of tile k where the tiles have so many channels.
fn place_of_tile(k: u32, channels: u32) -> u32 {
    return k / BLOCK * (BLOCK * padded(channels)) + k % BLOCK * 4u;
}

fn a_row(m: u32) -> vec4<i32> {
    let row = min(m, M - 1u);
    let channel = min(row % PLACE_ROWS, CIN - 4u);
    return vec4(i32(row / PLACE_ROWS * (padded(CIN) * K) + channel * BLOCK), 0, 0, 0);
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    // Tiles come in fours, which lie in one block.
    let i = i32(place_of_tile(k, CIN));
    return array(vec4(i, 0, 0, 0), vec4(i + 4, 0, 0, 0), vec4(i + 8, 0, 0, 0), vec4(i + 12, 0, 0, 0));
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return read_a(u32(row.x + column.x));
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    return read_b(first_b + min(n, N - 4u) * BLOCK + place_of_tile(k, N));
}

// For tiles, which find a four once and then walk: its place in memory, and 0, or 4 past the end of the sum.
fn place_a(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    return vec2(u32(row.x + column.x), 0u);
}

fn load_at_a(place: vec2<u32>, row: vec4<i32>) -> vec4<f32> {
    return read_a(place.x);
}

fn place_b(k: u32, n: u32) -> vec2<u32> {
    return vec2(first_b + min(n, N - 4u) * BLOCK + place_of_tile(k, N), 0u);
}

fn load_at_b(place: vec2<u32>) -> vec4<f32> {
    if (ends_with_slice()) { return read_b(place.x); }
    return select(vec4<f32>(), read_b(place.x), place.y == 0u);
}

// The end of the slices of 16 k, from that at k on, that are walked with these steps: those of a block.
fn end_of_walk(k: u32) -> u32 {
    return (k / BLOCK + 1u) * BLOCK;
}

fn steps() -> vec2<u32> {
    return vec2(64u, 64u);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    let channel = m % PLACE_ROWS;
    let i = FIRST + (m / PLACE_ROWS * CIN + channel) * N + n;
    if (m < M && channel < CIN && n < N) {
        write_c(i, s[0]);
        write_c(i + N, s[1]);
        write_c(i + 2u * N, s[2]);
        write_c(i + 3u * N, s[3]);
    }
}
