// y = the window's maximum; on a tie the first cell in row-major order wins. a = x, c = y,
// f = place of the maximum in its window.
// If RELU, x is a relu's output, and a maximum of 0 has the place -1: its gradient before the relu is 0, so no cell gets
// any.
override RELU: bool;

fn make(pixel: u32, channel: u32, store: bool) {
    let corner = corner_of(pixel);
    var y = read_a(corner * C + channel);
    var place = vec4<f32>();
    for (var cell = 1u; cell < WINDOW_H * WINDOW_W; cell++) {
        let x = read_a((corner + cell / WINDOW_W * W + cell % WINDOW_W) * C + channel);
        let larger = x > y;
        y = select(y, x, larger);
        place = select(place, vec4(f32(cell)), larger);
    }
    if (RELU) { place = select(vec4(-1.0), place, y > vec4<f32>()); }
    if (store) {
        write_c(pixel * C + channel, y);
        write_f(pixel * C + channel, place);
    }
}
