// y = mean of the window. a = x, c = y.
fn make(pixel: u32, channel: u32, store: bool) {
    let corner = corner_of(pixel);
    var sum = vec4<f32>();
    for (var cell = 0u; cell < WINDOW_H * WINDOW_W; cell++) {
        sum += read_a((corner + cell / WINDOW_W * W + cell % WINDOW_W) * C + channel);
    }
    if (store) { write_c(pixel * C + channel, sum / f32(WINDOW_H * WINDOW_W)); }
}
