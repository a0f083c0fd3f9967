// y = the window's maximum; on a tie the first cell in row-major order wins. a = x, c = y,
// f = place of the maximum in its window.
// If RELU, y goes through relu, and the place of a maximum that is not positive is -1, so that no cell gets its gradient.
override RELU: bool;

fn make(pixel: u32, channel: u32, store: bool) {
    let first = first_place(pixel);
    var y = read_a(cell_of(pixel, first / WINDOW_W, first % WINDOW_W).pixel * C + channel);
    var place = vec4(f32(first));
    for (var k = 1u; k < WINDOW_H * WINDOW_W; k++) {
        let cell = cell_of(pixel, k / WINDOW_W, k % WINDOW_W);
        let x = read_a(cell.pixel * C + channel);
        let larger = (x > y) & vec4(cell.exists);
        y = select(y, x, larger);
        place = select(place, vec4(f32(k)), larger);
    }
    if (RELU) {
        place = select(vec4(-1.0), place, y > vec4<f32>());
        y = max(y, vec4<f32>());
    }
    if (store) {
        write_c(pixel * C + channel, y);
        write_f(pixel * C + channel, place);
    }
}
