// dx[m, n] = sum over k of dy[m, k] w[n, k]: each cell of x gathers from the windows that hold it.
// m = (block, y, x, image of the block), or the pixel if POINTWISE; k = (ky, kx, output channel), n = input channel.
// a = dy, b = w, c = dx.
// At the border of x some (ky, kx) belong to no window, and with a stride most of them see only every second or third cell.
// The rows of a tile are neighbours, so it skips those k. For that, the cells of a row of x that the same kx see stand
// together.
// If OF_MAXIMA, y went through max pooling of 2 x 2 cells, dy is the gradient of what that made, and h says to which cell of
// each window it belongs.
// If GATED, x is a relu's output, and its gradient goes through that relu here: e = x.
// If SUMMED, d is what others contributed to the gradient, and is added before that.
// If SCATTERED, x is the output of max pooling of 2 x 2 cells, [.., POOL_W, POOL_C], and its gradient goes back to the
// cells whose places d gives: c is the gradient of what was pooled.
override OF_MAXIMA: bool;
override GATED: bool;
override SUMMED: bool;
override SCATTERED: bool;
override POOL_W: u32;
override POOL_C: u32;
override BLOCK: u32; // images of a block

const A_ALONG_K = true;
const B_ALONG_K = true;

// First (ky, kx) of the tile, and how many there are.
var<private> taps: vec4<u32>;
// From one ky or kx to the next.
var<private> tap_step: vec2<u32>;

fn begin_tile(first: u32, last: u32) -> u32 {
    if (POINTWISE) { return COUT; }
    let a = cell_of(first);
    let b = cell_of(last);
    taps = vec4(0u, 0u, KH, KW);
    tap_step = vec2(1u, 1u);
    if (a.z / BLOCK == b.z / BLOCK) {
        let one_row = a.x == b.x;
        let one_phase = one_row && a.y % STRIDE_X == b.y % STRIDE_X && (phased() || a.y == b.y);
        tap_step = vec2(select(1u, STRIDE_Y, one_row), select(1u, STRIDE_X, one_phase));
        let y = reach(a.x + u32(PAD_Y), b.x + u32(PAD_Y), OH, STRIDE_Y, KH, tap_step.x);
        var x = vec2(0u, KW);
        if (one_phase || one_row && !phased()) {
            x = reach(a.y + u32(PAD_X), b.y + u32(PAD_X), OW, STRIDE_X, KW, tap_step.y);
        }
        taps = vec4(y.x, x.x, y.y, x.y);
    }
    return taps.z * taps.w * COUT;
}

// Whether the sum of each tile, which has whole taps, ends with a slice of 16 k.
fn ends_with_slice() -> bool {
    return COUT % 16u == 0u;
}

// First k and number of k with k <= last and first - k <= (size - 1) * stride, of those that are a multiple of step away
// from first.
fn reach(first: u32, last: u32, size: u32, stride: u32, count: u32, step: u32) -> vec2<u32> {
    let lowest = max(first, (size - 1u) * stride) - (size - 1u) * stride;
    let low = lowest + (first - lowest) % step;
    let high = min(last + 1u, count);
    return vec2(low, (max(high, low) - low + step - 1u) / step);
}

// Whether a row of x is divided into the cells 0, STRIDE_X, 2 STRIDE_X .., then 1, 1 + STRIDE_X .. and so on.
fn phased() -> bool {
    return STRIDE_X == 1u || W % STRIDE_X == 0u;
}

fn x_of(place: u32) -> u32 {
    if (STRIDE_X == 1u || !phased()) { return place; }
    return place % (W / STRIDE_X) * STRIDE_X + place / (W / STRIDE_X);
}

// (y, x, image) of row m
fn cell_of(m: u32) -> vec3<u32> {
    let row = min(m, M - 1u);
    let cell = row / BLOCK;
    return vec3(cell / W % H, x_of(cell % W), cell / (H * W) * BLOCK + row % BLOCK);
}

// Pixel of x of row m, counted over the batch.
fn pixel_of(m: u32) -> u32 {
    // Then rows are in the order of pixels.
    if (POINTWISE || BLOCK == 1u && STRIDE_X == 1u) { return min(m, M - 1u); }
    let cell = cell_of(m);
    return (cell.z * H + cell.x) * W + cell.y;
}

// (y + PAD_Y, x + PAD_X, offset of the image in dy, 0); if POINTWISE, the offset is that of the pixel.
fn a_row(m: u32) -> vec4<i32> {
    if (POINTWISE) { return vec4(0, 0, i32(pixel_of(m) * COUT), 0); }
    let cell = vec3<i32>(cell_of(m));
    let pixels = select(OH * OW, OH * OW / 4u, OF_MAXIMA);
    return vec4(cell.x + PAD_Y, cell.y + PAD_X, cell.z * i32(pixels * COUT), 0);
}

// (ky, kx, output channel)
fn window_cell(k: u32) -> vec3<u32> {
    if (POINTWISE) { return vec3(0u, 0u, k); }
    let tap = k / COUT;
    // A quotient of small numbers: exact in floats, and a division of integers is slow.
    let row = u32((f32(tap) + 0.5) / f32(taps.w));
    return vec3(taps.x + row * tap_step.x, taps.y + (tap - row * taps.w) * tap_step.y, k % COUT);
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    return array(vec4(vec3<i32>(window_cell(k)), 0), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

// dy of the window that sees the cell at (ky, kx), zero where there is none.
fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    if (POINTWISE) { return read_a(u32(row.z + column.z)); }
    return load_at_a(window_at(row, column), row);
}

// The place of that dy, and 0, or its cell if OF_MAXIMA; the first place, and NOWHERE, where there is none.
fn window_at(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    let y = row.x - column.x;
    let x = row.y - column.y;
    // Below zero wraps around and fails the bound.
    let oy = u32(y) / STRIDE_Y;
    let ox = u32(x) / STRIDE_X;
    let exists = (oy * STRIDE_Y == u32(y)) & (ox * STRIDE_X == u32(x)) & (oy < OH) & (ox < OW);
    if (OF_MAXIMA) {
        let window = u32(row.z) + (oy / 2u * (OW / 2u) + ox / 2u) * COUT + u32(column.z);
        return vec2(select(0u, window, exists), select(NOWHERE, oy % 2u * 2u + ox % 2u, exists));
    }
    let i = u32(row.z) + (oy * OW + ox) * COUT + u32(column.z);
    return vec2(select(0u, i, exists), select(NOWHERE, 0u, exists));
}

// What a cell of the window at float i gets of its gradient.
fn gradient_of_cell(i: u32, exists: bool, cell: f32) -> vec4<f32> {
    return select(vec4<f32>(), read_a(i), vec4(exists) & (read_h(i) == vec4(cell)));
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    let cell = window_cell(k);
    return read_b(((cell.x * KW + cell.y) * CIN + min(n, N - 1u)) * COUT + cell.z);
}

// For tiles, which find a four once and then walk: its place in memory, and 0, or NOWHERE if no window sees the cell there.
fn place_a(row: vec4<i32>, column: vec4<i32>) -> vec2<u32> {
    if (POINTWISE) { return vec2(u32(row.z + column.z), 0u); }
    return window_at(row, column);
}

fn load_at_a(place: vec2<u32>, row: vec4<i32>) -> vec4<f32> {
    if (POINTWISE) { return read_a(place.x); }
    if (OF_MAXIMA) { return gradient_of_cell(place.x, place.y != NOWHERE, f32(place.y)); }
    return select(vec4<f32>(), read_a(place.x), place.y == 0u);
}

fn place_b(k: u32, n: u32) -> vec2<u32> {
    let cell = window_cell(k);
    return vec2(((cell.x * KW + cell.y) * CIN + min(n, N - 1u)) * COUT + cell.z, 0u);
}

fn load_at_b(place: vec2<u32>) -> vec4<f32> {
    if (ends_with_slice()) { return read_b(place.x); }
    return select(vec4<f32>(), read_b(place.x), place.y == 0u);
}

// The end of the slices of 16 k, from that at k on, that are walked with these steps: those of a cell of the windows.
fn end_of_walk(k: u32) -> u32 {
    if (!ends_with_slice()) { return k + 16u; }
    return select((k / COUT + 1u) * COUT, COUT, POINTWISE);
}

fn steps() -> vec2<u32> {
    return vec2(16u, 16u);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    store_rows(m, M, n, s);
}

// Stores those of the four rows from m on that are before `end`.
fn store_rows(m: u32, end: u32, n: u32, s: mat4x4<f32>) {
    for (var j = 0u; j < 4u; j++) {
        let i = pixel_of(m + j) * N + min(n, N - 4u);
        var dx = s[j];
        if (SUMMED) { dx = read_d(i) + dx; }
        if (GATED) { dx = select(vec4<f32>(), dx, read_e(i) > vec4<f32>()); }
        if (m + j < end && n < N) {
            if (SCATTERED) { scatter(i, dx); } else { write_c(i, dx); }
        }
    }
}

fn scatter(i: u32, dx: vec4<f32>) {
    let place = read_d(i);
    let pixel = i / POOL_C;
    let corner = pixel / POOL_W * (4u * POOL_W) + pixel % POOL_W * 2u;
    for (var cell = 0u; cell < 4u; cell++) {
        let cell_i = (corner + cell / 2u * (2u * POOL_W) + cell % 2u) * POOL_C + i % POOL_C;
        write_c(cell_i, select(vec4<f32>(), dx, place == vec4(f32(cell))));
    }
}
