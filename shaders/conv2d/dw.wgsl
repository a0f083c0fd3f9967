// dw[m, n] = sum over k of x[k, m] dy[k, n]; a last row with x = 1 gives db.
// m = (ky, kx, c), k = pixel, n = output channel. a = x, b = dy, c = dw, PART_LEN floats for each part of k.
// If POOLED, dy is the gradient of the pooled y, and d says which cell of each window gets it.
override PART_LEN: u32;

const A_ALONG_K = false;
const B_ALONG_K = false;

fn begin_tile(first: u32, last: u32) -> u32 {
    return K;
}

// Whether the sum of each tile ends with a slice of 16 k.
fn ends_with_slice() -> bool {
    return K % 16u == 0u;
}

// (ky, kx, offset of that cell, 1 for the bias)
fn a_row(m: u32) -> vec4<i32> {
    let cell = min(m, KH * KW * CIN - 4u);
    if (POINTWISE) { return vec4(0, 0, i32(cell), i32(m >= CIN)); }
    let ky = cell / (KW * CIN);
    let kx = cell / CIN % KW;
    return vec4(i32(ky), i32(kx), i32((ky * W + kx) * CIN + cell % CIN), i32(m >= KH * KW * CIN));
}

// The windows of four pixels from k on.
fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    let first = window_of(min(k, K - 1u));
    // With POOLED, micro-kernels that take four k at once start at a window's first cell; others use one.
    let right = vec4(0, i32(STRIDE_X), i32(STRIDE_X * CIN), 0);
    if (POOLED) {
        let below = vec4(i32(STRIDE_Y), 0, i32(STRIDE_Y * W * CIN), 0);
        return array(first, first + right, first + below, first + below + right);
    }
    if (!POINTWISE && OW % 4u == 0u) { return array(first, first + right, first + 2 * right, first + 3 * right); }
    if (!POINTWISE && OW % 2u == 0u) {
        let third = window_of(min(k + 2u, K - 1u));
        return array(first, first + right, third, third + right);
    }
    return array(first, window_of(min(k + 1u, K - 1u)), window_of(min(k + 2u, K - 1u)), window_of(min(k + 3u, K - 1u)));
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    let x = load_x(column + row);
    if (!BIAS) { return x; }
    return select(x, vec4(1.0, 0.0, 0.0, 0.0), row.w == 1);
}

// Zero past K, where load_a repeats the last pixel.
fn load_b(k: u32, n: u32) -> vec4<f32> {
    let pixel = min(k, K - 1u);
    let channel = min(n, N - 4u);
    if (POOLED) {
        let i = pixel / 4u * N + channel;
        return select(vec4<f32>(), read_b(i), read_d(i) == vec4(select(-2.0, f32(k % 4u), k < K)));
    }
    return select(vec4<f32>(), read_b(pixel * N + channel), k < K);
}

// For tiles, which find a four once and then walk: its place in memory, and 0, or NOWHERE if it is outside x.
fn place_a(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    return place_of_x(row + column);
}

fn load_at_a(place: vec2<u32>, row: vec4<i32>) -> vec4<f32> {
    let x = load_x_at(place);
    if (!BIAS) { return x; }
    return select(x, vec4(1.0, 0.0, 0.0, 0.0), row.w == 1);
}

// If POOLED, the second number is the cell of the window.
fn place_b(k: u32, n: u32) -> vec2<u32> {
    let channel = min(n, N - 4u);
    if (POOLED) { return vec2(k / 4u * N + channel, k % 4u); }
    return vec2(k * N + channel, 0u);
}

fn load_at_b(place: vec2<u32>) -> vec4<f32> {
    if (POOLED) { return select(vec4<f32>(), read_b(place.x), read_d(place.x) == vec4(f32(place.y))); }
    if (ends_with_slice()) { return read_b(place.x); }
    return select(vec4<f32>(), read_b(place.x), place.y == 0u);
}

// The end of the slices of 16 k, from that at k on, that are walked with these steps.
fn end_of_walk(k: u32) -> u32 {
    return select(k + 16u, K, POINTWISE && ends_with_slice());
}

fn steps() -> vec2<u32> {
    return vec2(16u * CIN, 16u * N);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    for (var j = 0u; j < 4u; j++) {
        let row = select((m + j) * N, BIAS_FIRST, m + j >= KH * KW * CIN);
        if (m + j < M && n < N) { write_c(part * PART_LEN + row + n, s[j]); }
    }
}
