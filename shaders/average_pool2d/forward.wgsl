// y = mean of the window. a = x, c = y.
fn make(pixel: u32, channel: u32, store: bool) {
    var sum = vec4<f32>();
    for (var k = 0u; k < WINDOW_H * WINDOW_W; k++) {
        let cell = cell_of(pixel, k / WINDOW_W, k % WINDOW_W);
        sum += select(vec4<f32>(), read_a(cell.pixel * C + channel), cell.exists);
    }
    if (store) { write_c(pixel * C + channel, sum / cells_of(pixel)); }
}
