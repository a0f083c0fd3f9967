// The 36 products of a convolution by Winograd's algorithm, one for each place of a tile: m[place, t, n] = sum over k of
// v[place, t, k] u[place, k, n]. Rows are (place, tile); TILES is a multiple of the rows of any micro-kernel's tile, so that
// such a tile has one place.
// a = v [36, K / 4, TILES, 4], b = u [36, N / 16 rounded up, K, 16], c = m [36, N / 4, TILES, 4].
override TILES: u32;
override M: u32;
override N: u32;
override K: u32;

const A_ALONG_K = true;
const B_ALONG_K = false;

var<private> weights_of_place: u32;

fn begin_tile(first: u32, last: u32) -> u32 {
    weights_of_place = min(first, M - 1u) / TILES * ((N + 15u) / 16u * 16u * K);
    return K;
}

fn ends_with_slice() -> bool {
    return K % 16u == 0u;
}

fn a_row(m: u32) -> vec4<i32> {
    let row = min(m, M - 1u);
    return vec4(i32(row / TILES * (TILES * K) + row % TILES * 4u), 0, 0, 0);
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    return array(vec4(i32(k * TILES), 0, 0, 0), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return read_a(u32(row.x + column.x));
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    let column = min(n, N - 4u);
    return read_b(weights_of_place + (column / 16u * K + k) * 16u + column % 16u);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    let i = m / TILES * (TILES * N) + (n / 4u * TILES + m % TILES) * 4u;
    if (m < M && n < N) {
        write_c(i, s[0]);
        write_c(i + 4u, s[1]);
        write_c(i + 8u, s[2]);
        write_c(i + 12u, s[3]);
    }
}
