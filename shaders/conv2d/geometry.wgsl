// x [n, H, W, CIN], w [KH, KW, CIN, COUT], y [n, OH, OW, COUT]; channels are those in memory, multiples of four. The bias
// is in the memory of w from float BIAS_FIRST on. Pixel (oy, ox) of y sees the window of x whose first cell is
// (oy * STRIDE_Y - PAD_Y, ox * STRIDE_X - PAD_X).
// Where y is followed by max pooling of 2 x 2 cells, only what that keeps is computed: OH and OW are even. If POOLED,
// pixels come window by window, the four cells of a window in row-major order.
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
override BIAS_FIRST: u32;
override POOLED: bool;
override POINTWISE: bool; // windows are single pixels, one for each pixel of x, and POOLED is false
override M: u32;
override N: u32;
override K: u32;

// First cell of the window of pixel p of y, counted over the batch: (y, x, offset of that cell in x, 0).
fn window_of(p: u32) -> vec4<i32> {
    if (POINTWISE) { return vec4(0, 0, i32(p * CIN), 0); }
    let image = p / (OH * OW);
    let pixel = p % (OH * OW);
    var oy = pixel / OW;
    var ox = pixel % OW;
    if (POOLED) {
        oy = pixel / (2u * OW) * 2u + pixel / 2u % 2u;
        ox = pixel / 4u % max(OW / 2u, 1u) * 2u + pixel % 2u;
    }
    let y = i32(oy * STRIDE_Y) - PAD_Y;
    let x = i32(ox * STRIDE_X) - PAD_X;
    return vec4(y, x, (i32(image * H) + y) * i32(W * CIN) + x * i32(CIN), 0);
}

// Four channels of x at (y, x, offset), zero outside x.
fn load_x(cell: vec4<i32>) -> vec4<f32> {
    if (!PADDED) { return read_a(u32(cell.z)); }
    // Below zero wraps around and fails the bound.
    let inside = (u32(cell.x) < H) & (u32(cell.y) < W);
    return select(vec4<f32>(), read_a(u32(select(0, cell.z, inside))), inside);
}

// What stands beside a place at which there is nothing; what is there has a number below.
const NOWHERE = 4u;

// The place of that cell in memory, and 0; outside x the first place, and NOWHERE.
fn place_of_x(cell: vec4<i32>) -> vec2<u32> {
    if (!PADDED) { return vec2(u32(cell.z), 0u); }
    let inside = (u32(cell.x) < H) & (u32(cell.y) < W);
    return vec2(u32(select(0, cell.z, inside)), select(NOWHERE, 0u, inside));
}

fn load_x_at(place: vec2<u32>) -> vec4<f32> {
    if (!PADDED) { return read_a(place.x); }
    return select(vec4<f32>(), read_a(place.x), place.y == 0u);
}
