// What product/taps asks of the forward pass.

fn tap_channels() -> u32 {
    return CIN;
}

// The pixel p places right of the first one that the windows of a row of A see, in row ky of the windows, from channel c on.
fn tap_pixel(ky: u32, p: u32, c: u32) -> vec4<i32> {
    return vec4(i32(ky), i32(p), i32((ky * W + p) * CIN + c), 0);
}

// Which of those pixels the first of four windows has at kx.
fn first_pixel(kx: u32) -> u32 {
    return kx;
}

fn load_tap(ky: u32, kx: u32, c: u32, n: u32) -> vec4<f32> {
    return read_b(((ky * KW + kx) * CIN + c) * N + min(n, N - 4u));
}
