// A trip of the loop in product/windows over pixels of dy. Each group of lanes loads a part of the pixels of dy for all.

// A sum for each tap.
const SUMS = 9u;

// Pixels of dy in a trip; pixels of x in a line and in all, and the loads of a lane for them.
const PIXELS = LINES * 4u;
const WIDTH = 6u;
const CELLS = (LINES + 2u) * WIDTH;
const LOADS = (CELLS + COLUMN_LANES - 1u) / COLUMN_LANES;

fn add_trip(
    image: u32,
    y: u32,
    x: u32,
    c: u32,
    n: u32,
    lane: u32,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
    db: ptr<function, vec4<f32>>,
) {
    var cells = array<vec4<f32>, LOADS>();
    let corner = (i32((image * H + y) * W + x) - PAD_Y * i32(W) - PAD_X) * i32(CIN) + i32(min(c, CIN - 4u));
    for (var l = 0u; l < LOADS; l++) {
        let cell = l * COLUMN_LANES + lane % COLUMN_LANES;
        let inside = (u32(i32(y + cell / WIDTH) - PAD_Y) < H) & (u32(i32(x + cell % WIDTH) - PAD_X) < W);
        let i = corner + i32((cell / WIDTH * W + cell % WIDTH) * CIN);
        cells[l] = select(vec4<f32>(), read_a(u32(select(0, i, inside))), inside);
    }
    if (POOLED) {
        var windows = array(load_window(image, y, x, min(n, N - 4u)), load_window(image, y, x + 2u, min(n, N - 4u)));
        add_channel_of_windows(0u, lane, &cells, &windows, s);
        add_channel_of_windows(1u, lane, &cells, &windows, s);
        add_channel_of_windows(2u, lane, &cells, &windows, s);
        add_channel_of_windows(3u, lane, &cells, &windows, s);
        if (BIAS) { *db += windows[0].dy + windows[1].dy; }
    } else {
        var d = array<vec4<f32>, PIXELS>();
        var loaded = array<vec4<f32>, PIXELS / GROUPS>();
        for (var l = 0u; l < PIXELS / GROUPS; l++) {
            let p = l * GROUPS + lane / COLUMN_LANES;
            loaded[l] = load_dy(image, y + p / 4u, x + p % 4u, min(n, N - 4u));
        }
        for (var p = 0u; p < PIXELS; p++) {
            let owner = p % GROUPS * COLUMN_LANES + lane % COLUMN_LANES;
            d[p] = loaded[p / GROUPS];
            if (GROUPS > 1u) { d[p] = subgroupShuffle(d[p], owner); }
        }
        add_channel(0u, lane, &cells, &d, s);
        add_channel(1u, lane, &cells, &d, s);
        add_channel(2u, lane, &cells, &d, s);
        add_channel(3u, lane, &cells, &d, s);
        if (BIAS) {
            for (var p = 0u; p < PIXELS; p++) { *db += d[p]; }
        }
    }
}

// A window of max pooling: its gradient, which goes to one of 2 x 2 pixels, and which of them that is.
struct Window {
    dy: vec4<f32>,
    is_right: vec4<bool>,
    is_below: vec4<bool>,
}

// Four channels of the window at pixel (y, x); its gradient is zero outside dy and where it goes to no pixel.
fn load_window(image: u32, y: u32, x: u32, n: u32) -> Window {
    let inside = x < OW;
    let i = select(0u, ((image * (OH / 2u) + y / 2u) * (OW / 2u) + x / 2u) * N + n, inside);
    let place = read_d(i);
    let dy = select(vec4<f32>(), read_b(i), vec4(inside) & (place >= vec4<f32>()));
    return Window(dy, (place == vec4(1.0)) | (place == vec4(3.0)), place >= vec4(2.0));
}

// The pixels of channel r of x.
fn pixels_of(r: u32, lane: u32, cells: ptr<function, array<vec4<f32>, LOADS>>) -> array<f32, CELLS> {
    // Which lane it comes from is constant for each lane: the software adapter turns that into one instruction.
    let group = lane / COLUMN_LANES * COLUMN_LANES;
    var x = array<f32, CELLS>();
    // Line by line, since Mesa unrolls a loop of at most 32 trips.
    for (var line = 0u; line < LINES + 2u; line++) {
        for (var column = 0u; column < WIDTH; column++) {
            let p = line * WIDTH + column;
            x[p] = subgroupShuffle((*cells)[p / COLUMN_LANES][r], group + p % COLUMN_LANES);
        }
    }
    return x;
}

// Adds the products of channel c + r of x to all taps.
fn add_channel(
    r: u32,
    lane: u32,
    cells: ptr<function, array<vec4<f32>, LOADS>>,
    d: ptr<function, array<vec4<f32>, PIXELS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    if (fills_up(r)) { return; }
    var x = pixels_of(r, lane, cells);
    // Written out, because Mesa 25's driver does not unroll a loop of this length.
    add_tap(0u, r, &x, d, s);
    add_tap(1u, r, &x, d, s);
    add_tap(2u, r, &x, d, s);
    add_tap(3u, r, &x, d, s);
    add_tap(4u, r, &x, d, s);
    add_tap(5u, r, &x, d, s);
    add_tap(6u, r, &x, d, s);
    add_tap(7u, r, &x, d, s);
    add_tap(8u, r, &x, d, s);
}

fn add_tap(
    tap: u32,
    r: u32,
    x: ptr<function, array<f32, CELLS>>,
    d: ptr<function, array<vec4<f32>, PIXELS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    let corner = tap / 3u * WIDTH + tap % 3u;
    for (var line = 0u; line < LINES; line++) {
        let i = corner + line * WIDTH;
        let p = line * 4u;
        (*s)[tap][r] = (*s)[tap][r]
            + (*x)[i] * (*d)[p] + (*x)[i + 1u] * (*d)[p + 1u] + (*x)[i + 2u] * (*d)[p + 2u] + (*x)[i + 3u] * (*d)[p + 3u];
    }
}

// Adds the products of channel c + r of x and two windows to all taps. Of the four pixels that a tap of a window sees, only
// one counts: to choose it takes less time than to multiply all four.
fn add_channel_of_windows(
    r: u32,
    lane: u32,
    cells: ptr<function, array<vec4<f32>, LOADS>>,
    windows: ptr<function, array<Window, 2>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    if (fills_up(r)) { return; }
    var x = pixels_of(r, lane, cells);
    add_column_of_taps(0u, r, &x, windows, s);
    add_column_of_taps(1u, r, &x, windows, s);
    add_column_of_taps(2u, r, &x, windows, s);
}

fn add_column_of_taps(
    kx: u32,
    r: u32,
    x: ptr<function, array<f32, CELLS>>,
    windows: ptr<function, array<Window, 2>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    // Of each line of x and each window.
    var chosen = array<array<vec4<f32>, 2>, 4>();
    for (var line = 0u; line < 4u; line++) {
        for (var b = 0u; b < 2u; b++) {
            let left = line * WIDTH + b * 2u + kx;
            chosen[line][b] = select(vec4((*x)[left]), vec4((*x)[left + 1u]), (*windows)[b].is_right);
        }
    }
    for (var ky = 0u; ky < 3u; ky++) {
        let tap = ky * 3u + kx;
        (*s)[tap][r] = (*s)[tap][r]
            + select(chosen[ky][0], chosen[ky + 1u][0], (*windows)[0].is_below) * (*windows)[0].dy
            + select(chosen[ky][1], chosen[ky + 1u][1], (*windows)[1].is_below) * (*windows)[1].dy;
    }
}

// The taps of a row of the kernel, of channel r.
fn line_of_taps(ky: u32, r: u32, s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>) -> array<vec4<f32>, 3> {
    return array((*s)[3u * ky][r], (*s)[3u * ky + 1u][r], (*s)[3u * ky + 2u][r]);
}
