// Stores y [n, OH, OW, CHANNELS] of the forward pass: plus the bias, through relu if RELU, through max pooling of 2 x 2 cells
// if POOLED, where OH and OW are even. Without max pooling, it goes first through the ending that another file defines.
// b = w, with the bias from float BIAS_FIRST on, c = y, f = places of the maxima.
override OH: u32;
override OW: u32;
override BIAS: bool;
override BIAS_FIRST: u32;
override RELU: bool;
override POOLED: bool;

var<private> bias: vec4<f32>;

fn begin_cells(channel: u32) {
    if (BIAS) { bias = read_b(BIAS_FIRST + channel); }
    if (!POOLED) { begin_ending(channel); }
}

fn store_cells(image: u32, y: u32, x: u32, channel: u32, cells: array<vec4<f32>, 4>) {
    if (POOLED) {
        if (y < OH && x < OW) { store_maximum(((image * OH + y) / 2u * (OW / 2u) + x / 2u) * CHANNELS + channel, cells); }
        return;
    }
    store_pixel(image, y, x, channel, cells[0]);
    store_pixel(image, y, x + 1u, channel, cells[1]);
    store_pixel(image, y + 1u, x, channel, cells[2]);
    store_pixel(image, y + 1u, x + 1u, channel, cells[3]);
}

fn store_pixel(image: u32, y: u32, x: u32, channel: u32, value: vec4<f32>) {
    if (y < OH && x < OW) {
        let i = ((image * OH + y) * OW + x) * CHANNELS + channel;
        let end = ended(value + bias, channel, i);
        write_c(i, select(end, max(end, vec4<f32>()), RELU));
    }
}

// On a tie the first cell wins; where relu stops the gradient, the place is -1.
fn store_maximum(i: u32, cells: array<vec4<f32>, 4>) {
    var largest = cells[0] + bias;
    var place = vec4<f32>();
    take_larger(cells[1] + bias, 1.0, &largest, &place);
    take_larger(cells[2] + bias, 2.0, &largest, &place);
    take_larger(cells[3] + bias, 3.0, &largest, &place);
    if (RELU) {
        place = select(vec4(-1.0), place, largest > vec4<f32>());
        largest = max(largest, vec4<f32>());
    }
    write_c(i, largest);
    write_f(i, place);
}

fn take_larger(value: vec4<f32>, cell: f32, largest: ptr<function, vec4<f32>>, place: ptr<function, vec4<f32>>) {
    let larger = value > *largest;
    *largest = select(*largest, value, larger);
    *place = select(*place, vec4(cell), larger);
}
