// What product/taps asks of the forward pass.

fn tap_channels() -> u32 {
    return CIN;
}

fn tap_width() -> i32 {
    return i32(W);
}

// Whether a row of A sees as many pixels on its left as on its right, and lines of the result are as long as those of x.
fn tap_is_centred() -> bool {
    return W == OW && PAD_X == 1;
}

// Whether some row of A sees pixels outside.
fn tap_reaches_outside() -> bool {
    return PADDED;
}

// The line of pixels that a row of A sees in row ky of its window: (whether it is inside, x of the first pixel that it sees,
// first float of that, 0).
fn tap_line(row: vec4<i32>, ky: u32) -> vec4<i32> {
    let y = row.x + i32(ky);
    return vec4(select(0, 1, y >= 0 && y < i32(H)), row.y, row.z + i32(ky * W * CIN), 0);
}

fn tap_takes_windows() -> bool {
    return false;
}

fn tap_odd() -> i32 {
    return 0;
}

fn tap_window(line: vec4<i32>, i: u32, c: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>();
}

// The rows of the kernel that see pixels from rows of A of heights `first` to `last`: the first one, and the one behind the last.
fn tap_rows(first: i32, last: i32) -> vec2<i32> {
    return vec2(-last - select(0, 1, POOLED), i32(H) - first);
}
