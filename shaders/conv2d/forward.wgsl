// y[m, n] = sum over k of x[m, k] w[k, n], plus b[n], through relu if RELU, through max pooling if POOLED. Without max
// pooling, it goes first through the ending that another file defines.
// m = pixel, k = (ky, kx, c), n = output channel. a = x, b = w, c = y, f = places of the maxima.
override RELU: bool;

const A_ALONG_K = true;
const B_ALONG_K = false;

fn begin_tile(first: u32, last: u32) -> u32 {
    return K;
}

// Whether the sum of each tile ends with a slice of 16 k.
fn ends_with_slice() -> bool {
    return K % 16u == 0u;
}

fn a_row(m: u32) -> vec4<i32> {
    return window_of(min(m, M - 1u));
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    if (POINTWISE) { return array(vec4(0, 0, i32(k), 0), vec4<i32>(), vec4<i32>(), vec4<i32>()); }
    let ky = k / (KW * CIN);
    let rest = k % (KW * CIN);
    return array(vec4(i32(ky), i32(rest / CIN), i32(ky * W * CIN + rest), 0), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return load_x(row + column);
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    return read_b(k * N + min(n, N - 4u));
}

// For tiles, which find a four once and then walk: its place in memory, and 0, or NOWHERE if it is outside x.
fn place_a(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    return place_of_x(row + column);
}

fn load_at_a(place: vec2<u32>, row: vec4<i32>) -> vec4<f32> {
    return load_x_at(place);
}

fn place_b(k: u32, n: u32) -> vec2<u32> {
    return vec2(k * N + min(n, N - 4u), 0u);
}

fn load_at_b(place: vec2<u32>) -> vec4<f32> {
    if (ends_with_slice()) { return read_b(place.x); }
    return select(vec4<f32>(), read_b(place.x), place.y == 0u);
}

// The end of the slices of 16 k, from that at k on, that are walked with these steps: those of a cell of the windows.
fn end_of_walk(k: u32) -> u32 {
    if (POINTWISE && ends_with_slice()) { return K; }
    if (!POINTWISE && CIN % 16u == 0u) { return (k / CIN + 1u) * CIN; }
    return k + 16u;
}

fn steps() -> vec2<u32> {
    return vec2(16u, 16u * N);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    store_rows(m, M, n, s);
}

// Stores those of the four rows from m on that are before `end`.
fn store_rows(m: u32, end: u32, n: u32, s: mat4x4<f32>) {
    var bias = vec4<f32>();
    if (BIAS) { bias = read_b(BIAS_FIRST + min(n, N - 4u)); }
    let y = mat4x4(s[0] + bias, s[1] + bias, s[2] + bias, s[3] + bias);
    if (POOLED) {
        store_maximum(m, end, n, y);
        return;
    }
    begin_ending(min(n, N - 4u));
    for (var j = 0u; j < 4u; j++) {
        let i = (m + j) * N + n;
        if (m + j < end && n < N) {
            let z = ended(y[j], n, i);
            write_c(i, select(z, max(z, vec4<f32>()), RELU));
        }
    }
}

// The four rows are the cells of one window. On a tie the first wins; where relu stops the gradient, the place is -1.
fn store_maximum(m: u32, end: u32, n: u32, y: mat4x4<f32>) {
    var largest = y[0];
    var place = vec4<f32>();
    for (var cell = 1u; cell < 4u; cell++) {
        let larger = y[cell] > largest;
        largest = select(largest, y[cell], larger);
        place = select(place, vec4(f32(cell)), larger);
    }
    if (RELU) {
        place = select(vec4(-1.0), place, largest > vec4<f32>());
        largest = max(largest, vec4<f32>());
    }
    if (m < end && n < N) {
        write_c(m / 4u * N + n, largest);
        write_f(m / 4u * N + n, place);
    }
}
