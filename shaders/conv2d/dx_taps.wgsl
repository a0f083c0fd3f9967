// What product/taps asks of the gradient of x.

fn tap_channels() -> u32 {
    return COUT;
}

// The pixel p places right of the first one that the cells of a row of A gather from, in row ky, from channel c on.
fn tap_pixel(ky: u32, p: u32, c: u32) -> vec4<i32> {
    return vec4(i32(ky), i32(KW) - 1 - i32(p), i32(c), 0);
}

// Which of those pixels the first of four cells gathers from at kx.
fn first_pixel(kx: u32) -> u32 {
    return KW - 1u - kx;
}

fn load_tap(ky: u32, kx: u32, c: u32, n: u32) -> vec4<f32> {
    return read_b(((ky * KW + kx) * CIN + min(n, N - 1u)) * COUT + c);
}
