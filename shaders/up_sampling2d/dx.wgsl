// dx = what each pixel of x [n, H, W, C] gives to those of y [n, OH, OW, C], times dy. a = dy, c = dx. Another file says what
// each pixel of y is made of, along one axis.
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

// The share that a pixel has in the new pixel at `place`.
fn share_of(pixel: u32, place: u32, factor: u32, size: u32) -> f32 {
    let taps = taps_of(place, factor, size);
    return select(0.0, 1.0 - taps.share, taps.first == pixel) + select(0.0, taps.share, taps.second == pixel);
}

fn element(i: u32) -> vec4<f32> {
    let pixel = i / C;
    let y = pixel / W % H;
    let x = pixel % W;
    let lines = window_of(y, FACTOR_Y);
    let columns = window_of(x, FACTOR_X);
    var sum = vec4<f32>();
    for (var oy = max(lines.x, 0); oy < min(lines.x + lines.y, i32(OH)); oy++) {
        let share = share_of(y, u32(oy), FACTOR_Y, H);
        let line = (pixel / (H * W) * OH + u32(oy)) * OW;
        for (var ox = max(columns.x, 0); ox < min(columns.x + columns.y, i32(OW)); ox++) {
            sum += share * share_of(x, u32(ox), FACTOR_X, W) * read_a((line + u32(ox)) * C + i % C);
        }
    }
    return sum;
}
