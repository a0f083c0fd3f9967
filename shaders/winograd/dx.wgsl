// Stores the gradient dx [n, OH, OW, CHANNELS] of the input of a convolution. c = dx.
// If GATED, x is a relu's output, and its gradient goes through that relu here: e = x.
// If SUMMED, d is what others contributed to the gradient, and is added before that.
// If SCATTERED, x is the output of max pooling of 2 x 2 cells, and its gradient goes back to the cells whose places d gives:
// c is the gradient of what was pooled.
override OH: u32;
override OW: u32;
override GATED: bool;
override SUMMED: bool;
override SCATTERED: bool;

fn begin_cells(channel: u32) {}

fn store_cells(image: u32, y: u32, x: u32, channel: u32, cells: array<vec4<f32>, 4>) {
    store_pixel(image, y, x, channel, cells[0]);
    store_pixel(image, y, x + 1u, channel, cells[1]);
    store_pixel(image, y + 1u, x, channel, cells[2]);
    store_pixel(image, y + 1u, x + 1u, channel, cells[3]);
}

fn store_pixel(image: u32, y: u32, x: u32, channel: u32, value: vec4<f32>) {
    if (y < OH && x < OW) {
        let i = ((image * OH + y) * OW + x) * CHANNELS + channel;
        var dx = value;
        if (SUMMED) { dx = read_d(i) + dx; }
        if (GATED) { dx = select(vec4<f32>(), dx, read_e(i) > vec4<f32>()); }
        if (!SCATTERED) {
            write_c(i, dx);
            return;
        }
        let place = read_d(i);
        let corner = ((image * OH + y) * 4u * OW + x * 2u) * CHANNELS + channel;
        write_c(corner, select(vec4<f32>(), dx, place == vec4(0.0)));
        write_c(corner + CHANNELS, select(vec4<f32>(), dx, place == vec4(1.0)));
        write_c(corner + 2u * OW * CHANNELS, select(vec4<f32>(), dx, place == vec4(2.0)));
        write_c(corner + (2u * OW + 1u) * CHANNELS, select(vec4<f32>(), dx, place == vec4(3.0)));
    }
}
