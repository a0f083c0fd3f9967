// Each cell of x adds up its share of dy of every window that contains it. a = dy, c = dx.
fn make(cell: u32, channel: u32, store: bool) {
    var dx = vec4<f32>();
    for (var j = 0u; j < (WINDOW_H + STRIDE_Y - 1u) / STRIDE_Y; j++) {
        for (var k = 0u; k < (WINDOW_W + STRIDE_X - 1u) / STRIDE_X; k++) {
            let window = window_over(cell, j, k);
            let dy = read_a(window.pixel * C + channel) / cells_of(window.pixel);
            dx += select(vec4<f32>(), dy, window.exists);
        }
    }
    if (store) { write_c(cell * C + channel, dx); }
}
