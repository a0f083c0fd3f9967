// x [n, H, W, C], y [n, OH, OW, C]; the window of pixel (oy, ox) starts at
// (oy * STRIDE_Y - BEFORE_Y, ox * STRIDE_X - BEFORE_X). If PADDED, some windows reach past x, where no cells count.
// An invocation computes four channels of a pixel of the result, which has PIXELS pixels over the batch. Other files say how,
// and which of them.
override H: u32;
override W: u32;
override C: u32;
override OH: u32;
override OW: u32;
override WINDOW_H: u32;
override WINDOW_W: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override BEFORE_Y: u32;
override BEFORE_X: u32;
override PADDED: bool;
override PIXELS: u32;

// A cell of x and whether it exists: cell (ky, kx) of the window of a pixel of y.
struct Cell {
    exists: bool,
    pixel: u32,
}

fn cell_of(pixel: u32, ky: u32, kx: u32) -> Cell {
    // Below zero wraps around and fails the bound.
    let y = pixel / OW % OH * STRIDE_Y + ky - BEFORE_Y;
    let x = pixel % OW * STRIDE_X + kx - BEFORE_X;
    let exists = !PADDED || (y < H && x < W);
    return Cell(exists, select(0u, (pixel / (OH * OW) * H + y) * W + x, exists));
}

// The place in its window of the first cell that exists, for a pixel of y.
fn first_place(pixel: u32) -> u32 {
    if (!PADDED) { return 0u; }
    let y = pixel / OW % OH * STRIDE_Y;
    let x = pixel % OW * STRIDE_X;
    return (max(y, BEFORE_Y) - y) * WINDOW_W + max(x, BEFORE_X) - x;
}

// Number of cells of the window of a pixel of y.
fn cells_of(pixel: u32) -> f32 {
    if (!PADDED) { return f32(WINDOW_H * WINDOW_W); }
    let y = pixel / OW % OH * STRIDE_Y;
    let x = pixel % OW * STRIDE_X;
    let rows = min(y + WINDOW_H, H + BEFORE_Y) - max(y, BEFORE_Y);
    let columns = min(x + WINDOW_W, W + BEFORE_X) - max(x, BEFORE_X);
    return f32(rows * columns);
}

// A window that a cell of x lies in: its pixel of y, and the cell's place in it in row-major order.
struct Window {
    exists: bool,
    pixel: u32,
    place: u32,
}

// The window j rows and k columns before the last one that a cell of x lies in.
fn window_over(cell: u32, j: u32, k: u32) -> Window {
    let y = cell / W % H + BEFORE_Y;
    let x = cell % W + BEFORE_X;
    let oy = y / STRIDE_Y - j;
    let ox = x / STRIDE_X - k;
    // Below zero wraps around and fails the bound.
    let ky = y - oy * STRIDE_Y;
    let kx = x - ox * STRIDE_X;
    let exists = oy < OH && ox < OW && ky < WINDOW_H && kx < WINDOW_W;
    return Window(exists, select(0u, (cell / (H * W) * OH + oy) * OW + ox, exists), ky * WINDOW_W + kx);
}
