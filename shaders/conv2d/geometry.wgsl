// x [n, H, W, CIN], w [KH, KW, CIN, COUT] with the bias as one more row, y [n, OH, OW, COUT].
// Pixel (oy, ox) of y sees the window of x whose first cell is (oy * STRIDE_Y - PAD_Y, ox * STRIDE_X - PAD_X).
override H: u32;
override W: u32;
override CIN: u32;
override OH: u32;
override OW: u32;
override COUT: u32;
override KH: u32;
override KW: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override PAD_Y: i32;
override PAD_X: i32;
override PADDED: bool; // some window reaches outside x
override BIAS: bool;
override M: u32;
override N: u32;
override K: u32;

// First cell of the window of pixel p of y, counted over the batch: (y, x, offset of that cell in x, 0).
fn window_of(p: u32) -> vec4<i32> {
    let pixel = p % (OH * OW);
    let y = i32(pixel / OW * STRIDE_Y) - PAD_Y;
    let x = i32(pixel % OW * STRIDE_X) - PAD_X;
    return vec4(y, x, (i32(p / (OH * OW) * H) + y) * i32(W * CIN) + x * i32(CIN), 0);
}

// Cell i = (ky, kx, c) of a window: (ky, kx, its offset from the window's first cell, i).
fn cell_of(i: u32) -> vec4<i32> {
    let ky = i / (KW * CIN);
    let kx = i / CIN % KW;
    return vec4(i32(ky), i32(kx), i32((ky * W + kx) * CIN + i % CIN), i32(i));
}

fn is_inside(window: vec4<i32>, cell: vec4<i32>) -> bool {
    let y = window.x + cell.x;
    let x = window.y + cell.y;
    return y >= 0 && y < i32(H) && x >= 0 && x < i32(W);
}

// x at a cell of a window and the three that follow it in i, zero outside x.
fn load_x(window: vec4<i32>, cell: vec4<i32>) -> vec4<f32> {
    if (CIN % 4u == 0u) {
        if (PADDED) {
            let inside = is_inside(window, cell);
            return select(vec4<f32>(), read_a4(u32(select(0, window.z + cell.z, inside))), inside);
        }
        return read_a4(u32(window.z + cell.z));
    }
    let i = u32(cell.w);
    return vec4(load_x1(window, i), load_x1(window, i + 1u), load_x1(window, i + 2u), load_x1(window, i + 3u));
}

fn load_x1(window: vec4<i32>, i: u32) -> f32 {
    let cell = cell_of(i);
    let inside = i < KH * KW * CIN && (!PADDED || is_inside(window, cell));
    return select(0.0, read_a1(u32(select(0, window.z + cell.z, inside))), inside);
}
