// dx[m, n] = sum over k of dy[m, k] w[n, k]: each cell of x gathers from the windows that hold it.
// m = (block, y, x, image of the block), so that neighbours are seen by the same windows; a segment is a cell (ky, kx) of the window, its
// k = output channel, n = input channel. a = dy, b = w, c = dx.
// If GATED, x is a relu's output, and its gradient goes through that relu here: e = x.
// If SCATTERED, x is the output of max pooling of 2 x 2 cells, [.., POOL_W, POOL_C], and its gradient goes back to the
// cells whose places d gives: c is the gradient of what was pooled.
override GATED: bool;
override SCATTERED: bool;
override POOL_W: u32;
override POOL_C: u32;
override BLOCK: u32; // images of a block

// at.w says whether a row has anything in a segment.
const A_SPARSE = true;
const A_ALONG_K = true;
const B_ALONG_K = true;

// (y, x, image) of row m
fn cell_of(m: u32) -> vec3<u32> {
    let row = min(m, M - 1u);
    let cell = row / BLOCK;
    return vec3(cell / W % H, cell % W, cell / (H * W) * BLOCK + row % BLOCK);
}

// (y + PAD_Y, x + PAD_X, image, 0)
fn a_row(m: u32) -> vec4<i32> {
    return vec4(vec3<i32>(cell_of(m)) + vec3(PAD_Y, PAD_X, 0), 0);
}

// The window that sees the cell at (ky, kx): (its offset in dy, 0, 0, whether it exists)
fn a_at(row: vec4<i32>, segment: u32) -> vec4<i32> {
    let y = row.x - i32(segment / KW);
    let x = row.y - i32(segment % KW);
    // Below zero wraps around and fails the bound.
    let oy = u32(y) / STRIDE_Y;
    let ox = u32(x) / STRIDE_X;
    let exists = oy * STRIDE_Y == u32(y) && ox * STRIDE_X == u32(x) && oy < OH && ox < OW;
    return vec4(i32(select(0u, ((u32(row.z) * OH + oy) * OW + ox) * COUT, exists)), 0, 0, i32(exists));
}

fn a_columns(k: u32) -> array<vec4<i32>, 4> {
    return array(vec4(i32(k), 0, 0, 0), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

fn load_a(at: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return select(vec4<f32>(), read_a(u32(at.x + column.x)), at.w == 1);
}

fn load_b(segment: u32, k: u32, n: u32) -> vec4<f32> {
    return read_b((segment * CIN + min(n, N - 1u)) * COUT + k);
}

fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    for (var j = 0u; j < 4u; j++) {
        let cell = cell_of(m + j);
        let i = ((cell.z * H + cell.x) * W + cell.y) * N + min(n, N - 4u);
        var dx = s[j];
        if (GATED) { dx = select(vec4<f32>(), dx, read_e(i) > vec4<f32>()); }
        if (m + j < M && n < N) {
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
