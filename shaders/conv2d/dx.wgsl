// dx[m, n] = sum over k of dy[m, k] w[n, k]: each cell of x gathers from the windows that hold it.
// m = (image, y, x), k = (ky, kx, output channel), n = input channel. a = dy, b = w, c = dx.
const A_ALONG_K = true;
const B_ALONG_K = true;

// (y + PAD_Y, x + PAD_X, offset of the image in dy, 0)
fn a_row(m: u32) -> vec4<i32> {
    let cell = m % (H * W);
    return vec4(i32(cell / W) + PAD_Y, i32(cell % W) + PAD_X, i32(m / (H * W) * (OH * OW * COUT)), 0);
}

// (ky, kx, output channel, k)
fn a_column(k: u32) -> vec4<i32> {
    return vec4(i32(k / (KW * COUT)), i32(k / COUT % KW), i32(k % COUT), i32(k));
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    if (COUT % 4u == 0u) {
        let i = index_of(row, column);
        return select(vec4<f32>(), read_a4(u32(max(i, 0))), i >= 0);
    }
    let k = u32(column.w);
    return vec4(load_a1(row, k), load_a1(row, k + 1u), load_a1(row, k + 2u), load_a1(row, k + 3u));
}

fn load_a1(row: vec4<i32>, k: u32) -> f32 {
    let i = select(-1, index_of(row, a_column(k)), k < K);
    return select(0.0, read_a1(u32(max(i, 0))), i >= 0);
}

// Place in dy of the window that sees the cell at (ky, kx); -1 where there is none.
fn index_of(row: vec4<i32>, column: vec4<i32>) -> i32 {
    let y = row.x - column.x;
    let x = row.y - column.y;
    let oy = y / i32(STRIDE_Y);
    let ox = x / i32(STRIDE_X);
    let exists = y >= 0 && x >= 0 && oy * i32(STRIDE_Y) == y && ox * i32(STRIDE_X) == x && oy < i32(OH) && ox < i32(OW);
    return select(-1, row.z + (oy * i32(OW) + ox) * i32(COUT) + column.z, exists);
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    if (COUT % 4u == 0u) {
        return read_b4(w_index(k, n));
    }
    return vec4(read_b1(w_index(k, n)), read_b1(w_index(k + 1u, n)), read_b1(w_index(k + 2u, n)), read_b1(w_index(k + 3u, n)));
}

fn w_index(k: u32, n: u32) -> u32 {
    let i = min(k, K - 1u);
    return (i / COUT * CIN + min(n, N - 1u)) * COUT + i % COUT;
}

fn store_c(m: u32, n: u32, part: u32, sum: vec4<f32>) {
    write_c(m, n, N, sum);
}
