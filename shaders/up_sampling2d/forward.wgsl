// y = an image [n, OH, OW, C] made of x [n, H, W, C], FACTOR times larger. a = x, c = y. Another file says what each new pixel
// is made of, along one axis.
override H: u32;
override W: u32;
override OH: u32;
override OW: u32;
override C: u32;
override FACTOR_Y: u32;
override FACTOR_X: u32;

// Two pixels, and the share of the second.
struct Taps {
    first: u32,
    second: u32,
    share: f32,
}

fn element(i: u32) -> vec4<f32> {
    let pixel = i / C;
    let channel = i % C;
    let y = taps_of(pixel / OW % OH, FACTOR_Y, H);
    let x = taps_of(pixel % OW, FACTOR_X, W);
    let image = pixel / (OH * OW) * H;
    let line = (image + y.first) * W;
    if (!BLENDS) { return read_a((line + x.first) * C + channel); }
    let next = (image + y.second) * W;
    let above = mix(read_a((line + x.first) * C + channel), read_a((line + x.second) * C + channel), x.share);
    let below = mix(read_a((next + x.first) * C + channel), read_a((next + x.second) * C + channel), x.share);
    return mix(above, below, y.share);
}
