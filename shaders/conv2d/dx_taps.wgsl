// What product/taps asks of the gradient of x: see conv2d/forward_taps.

fn tap_channels() -> u32 {
    return COUT;
}

fn tap_width() -> i32 {
    return i32(OW);
}

fn tap_is_centred() -> bool {
    return W == OW && PAD_X == 1;
}

fn tap_reaches_outside() -> bool {
    return true;
}

// Behind max pooling, the line of windows that holds the line of pixels: (whether it is inside, x of the first pixel of the
// first window, first float of that window, which cell of a window the pixel on its left is).
fn tap_line(row: vec4<i32>, ky: u32) -> vec4<i32> {
    let y = row.x - i32(ky);
    let x = row.y + 1 - i32(KW);
    let inside = select(0, 1, y >= 0 && y < i32(OH));
    if (OF_MAXIMA) {
        // The lowest bit is 1 where y is odd, below zero too.
        let window = ((y - (y & 1)) / 2 * i32(OW / 2u) + (x - tap_odd()) / 2) * i32(COUT);
        return vec4(inside, x - tap_odd(), row.z + window, (y & 1) * 2);
    }
    return vec4(inside, x, row.z + (y * i32(OW) + x) * i32(COUT), 0);
}

fn tap_takes_windows() -> bool {
    return OF_MAXIMA;
}

// 1 if the first pixel that a lane sees is the second one of its window, else 0. A lane's rows begin at an even x.
fn tap_odd() -> i32 {
    return (PAD_X + 1 - i32(KW)) & 1;
}

// The upper or lower two pixels of window number i of those that a lane sees of a line, from channel c on.
fn tap_window(line: vec4<i32>, i: u32, c: u32) -> array<vec4<f32>, 2> {
    let x = line.y + i32(i * 2u);
    let exists = line.x != 0 && x >= 0 && x < i32(OW);
    let window = u32(select(0, line.z + i32(i * COUT + c), exists));
    let dy = read_a(window);
    // No cell has a number of 8 or more. A sum takes fewer instructions than another condition of each pixel.
    let place = read_h(window) + select(8.0, 0.0, exists);
    let left = f32(line.w);
    return array(
        select(vec4<f32>(), dy, place == vec4(left)),
        select(vec4<f32>(), dy, place == vec4(left + 1.0)),
    );
}

fn tap_rows(first: i32, last: i32) -> vec2<i32> {
    return vec2(first + 1 - i32(OH), last + 1);
}
