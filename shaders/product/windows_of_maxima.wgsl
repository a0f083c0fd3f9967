// A trip of the loop in product/windows behind max pooling of 2 x 2 pixels, for subgroups of 8 lanes that share the channels
// of x. Of the four pixels of a window one has a gradient, and channels of dy differ in which. So the pixels of x lie in
// tables of two lines of four, one pixel in each lane: a shuffle finds, for each channel of dy, the pixel that belongs to its
// gradient. That is a quarter of the products, and no pixel is chosen by selects.
override SCATTERED: bool; // dy has all pixels; else only the windows, and d says which of its pixels each belongs to

// A sum for each tap.
const SUMS = 9u;

// Tables of x: of two neighbouring windows in a line, and below each other.
const TABLES = LINES + 2u;

// A window of max pooling: its gradient, and where the pixel that it belongs to lies in a table that begins with the window.
struct Window {
    dy: vec4<f32>,
    place: vec4<u32>,
}

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
    var tables = array<vec4<f32>, TABLES>();
    let corner = (i32((image * H + y) * W + x) - PAD_Y * i32(W) - PAD_X) * i32(CIN) + i32(min(c, CIN - 4u));
    for (var t = 0u; t < TABLES; t++) {
        let cell = vec2(t / 2u * 2u + lane / 4u, t % 2u * 2u + lane % 4u);
        let inside = (u32(i32(y + cell.x) - PAD_Y) < H) & (u32(i32(x + cell.y) - PAD_X) < W);
        let i = corner + i32((cell.x * W + cell.y) * CIN);
        tables[t] = select(vec4<f32>(), read_a(u32(select(0, i, inside))), inside);
    }
    var windows = array<Window, LINES>();
    for (var w = 0u; w < LINES; w++) {
        windows[w] = load_window(image, y + w / 2u * 2u, x + w % 2u * 2u, min(n, N - 4u));
        if (BIAS) { *db += windows[w].dy; }
    }
    add_channel(0u, lane, &tables, &windows, s);
    add_channel(1u, lane, &tables, &windows, s);
    add_channel(2u, lane, &tables, &windows, s);
    add_channel(3u, lane, &tables, &windows, s);
}

// Four channels of the window at pixel (y, x); its gradient is zero outside dy and where it belongs to no pixel.
fn load_window(image: u32, y: u32, x: u32, n: u32) -> Window {
    let inside = (y < OH) & (x < OW);
    if (SCATTERED) {
        let i = select(0u, (image * OH + y) * OW + x, inside) * N + n;
        let right = read_b(i + N);
        let below = read_b(i + OW * N);
        let last = read_b(i + (OW + 1u) * N);
        let dy = read_b(i) + right + below + last;
        let zero = vec4<f32>();
        let is_right = select(vec4<u32>(), vec4(1u), (right != zero) | (last != zero));
        let is_below = select(vec4<u32>(), vec4(4u), (below != zero) | (last != zero));
        return Window(select(zero, dy, inside), is_right + is_below);
    }
    let i = select(0u, (image * (OH / 2u) + y / 2u) * (OW / 2u) + x / 2u, inside) * N + n;
    let place = read_d(i);
    let chosen = vec4<u32>(max(place, vec4<f32>()));
    let dy = select(vec4<f32>(), read_b(i), vec4(inside) & (place >= vec4<f32>()));
    return Window(dy, chosen + (chosen & vec4(2u)));
}

// Adds the products of channel c + r of x to all taps.
fn add_channel(
    r: u32,
    lane: u32,
    tables: ptr<function, array<vec4<f32>, TABLES>>,
    windows: ptr<function, array<Window, LINES>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    if (fills_up(r)) { return; }
    // Of each line of taps and each window.
    var pixels = array<array<f32, LINES>, 3>();
    for (var w = 0u; w < LINES; w++) {
        let upper = (*tables)[w][r];
        let lower = (*tables)[w + 2u][r];
        pixels[0][w] = upper;
        // The lower line of the upper table, and the upper line of the lower one.
        pixels[1][w] = subgroupShuffle(select(lower, upper, lane >= 4u), lane ^ 4u);
        pixels[2][w] = lower;
    }
    add_line_of_taps(0u, r, &pixels, windows, s);
    add_line_of_taps(1u, r, &pixels, windows, s);
    add_line_of_taps(2u, r, &pixels, windows, s);
}

fn add_line_of_taps(
    ky: u32,
    r: u32,
    pixels: ptr<function, array<array<f32, LINES>, 3>>,
    windows: ptr<function, array<Window, LINES>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    for (var kx = 0u; kx < 3u; kx++) {
        var sum = (*s)[ky * 3u + kx][r];
        for (var w = 0u; w < LINES; w++) {
            let pixel = (*pixels)[ky][w];
            let place = (*windows)[w].place + kx;
            let chosen = vec4(
                subgroupShuffle(pixel, place.x),
                subgroupShuffle(pixel, place.y),
                subgroupShuffle(pixel, place.z),
                subgroupShuffle(pixel, place.w),
            );
            sum += chosen * (*windows)[w].dy;
        }
        (*s)[ky * 3u + kx][r] = sum;
    }
}

// The taps of a row of the kernel, of channel r.
fn line_of_taps(ky: u32, r: u32, s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>) -> array<vec4<f32>, 3> {
    return array((*s)[3u * ky][r], (*s)[3u * ky + 1u][r], (*s)[3u * ky + 2u][r]);
}
