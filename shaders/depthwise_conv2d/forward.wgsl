// y = sum over (ky, kx) of x w, plus b. a = x, b = w [KH, KW, COUT] and the bias, c = y.
override COUT: u32;

fn source(pixel: u32, channel: u32, part: u32) -> vec4<f32> {
    return x_for(pixel, FROM_C, channel);
}

fn weight(tap: u32, channel: u32, part: u32) -> vec4<f32> {
    return read_b(tap * COUT + channel);
}
