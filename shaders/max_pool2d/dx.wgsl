// Each cell of x adds up dy of every window whose maximum it is. a = dy, d = places, c = dx.
fn make(cell: u32, channel: u32, store: bool) {
    var dx = vec4<f32>();
    for (var j = 0u; j < (WINDOW_H + STRIDE_Y - 1u) / STRIDE_Y; j++) {
        for (var k = 0u; k < (WINDOW_W + STRIDE_X - 1u) / STRIDE_X; k++) {
            let window = window_over(cell, j, k);
            let i = window.pixel * C + channel;
            let chosen = (read_d(i) == vec4(f32(window.place))) & vec4(window.exists);
            dx += select(vec4<f32>(), read_a(i), chosen);
        }
    }
    if (store) { write_c(cell * C + channel, dx); }
}
