// The sum over windows that depthwise_conv2d/windows is, for square windows of KERNEL cells and one product for each cell. An invocation
// computes four channels of a tile of 2 x 4 pixels. It reads each cell once that some of them see, and has no loop that is left
// when the program runs: llvmpipe keeps variables of loops in memory.
// Another file says how large windows are, that they are STEP cells apart, that every SPACING-th cell is a pixel, and that a tile sees CELL_ROWS x
// CELL_COLUMNS pixels. The first of the cells in its corner that is a pixel is (FIRST_Y, FIRST_X).
override FROM_H: u32;
override FROM_W: u32;
override FROM_C: u32;
override TO_H: u32;
override TO_W: u32;
override TO_C: u32;
override CHANNELS: u32;
override BEFORE_Y: i32;
override BEFORE_X: i32;
override FIRST_Y: u32;
override FIRST_X: u32;
override KH: u32;
override KW: u32;
override MULTIPLIER: u32;
override BIAS: bool;
override BIAS_FIRST: u32;
override STRIPS: u32; // tiles side by side
override TILE_LINES: u32; // tiles of an image, one below the other
override COUNT: u32; // fours of channels of all tiles

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = linear_workgroup(workgroup, count) * 64u + invocation;
    let item = min(place, COUNT - 1u);
    let tile = quotient(item, TO_C / 4u);
    let channel = item * 4u - tile * TO_C;
    let line = quotient(tile, STRIPS);
    let image = quotient(line, TILE_LINES);
    let y = (line - image * TILE_LINES) * 2u;
    let x = (tile - line * STRIPS) * 4u;
    // Below zero wraps around and fails the bound.
    let top = (i32(y * STEP + FIRST_Y) - BEFORE_Y) / i32(SPACING);
    let left = (i32(x * STEP + FIRST_X) - BEFORE_X) / i32(SPACING);
    var w = array<array<vec4<f32>, KERNEL>, KERNEL>();
    for (var ky = 0u; ky < KERNEL; ky++) {
        for (var kx = 0u; kx < KERNEL; kx++) { w[ky][kx] = weight(ky * KERNEL + kx, channel, 0u); }
    }
    var cells = array<array<vec4<f32>, CELL_COLUMNS>, CELL_ROWS>();
    for (var r = 0u; r < CELL_ROWS; r++) {
        let row = u32(top + i32(r));
        let first = (image * FROM_H + select(0u, row, row < FROM_H)) * FROM_W;
        for (var q = 0u; q < CELL_COLUMNS; q++) {
            let column = u32(left + i32(q));
            let exists = row < FROM_H && column < FROM_W;
            let cell = source(first + select(0u, column, exists), channel, 0u);
            cells[r][q] = select(vec4<f32>(), cell, exists);
        }
    }
    var bias = vec4<f32>();
    if (BIAS) { bias = read_b(BIAS_FIRST + channel); }
    var s = array<array<vec4<f32>, 4>, 2>();
    for (var i = 0u; i < 2u; i++) {
        for (var j = 0u; j < 4u; j++) {
            s[i][j] = bias;
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var kx = 0u; kx < KERNEL; kx++) {
                    let row = i * STEP + ky;
                    let column = j * STEP + kx;
                    if (row % SPACING == FIRST_Y && column % SPACING == FIRST_X) {
                        s[i][j] += cells[row / SPACING][column / SPACING] * w[ky][kx];
                    }
                }
            }
        }
    }
    let inside = vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
    begin_ending(channel);
    for (var i = 0u; i < 2u; i++) {
        for (var j = 0u; j < 4u; j++) {
            if (place == item && y + i < TO_H && x + j < TO_W) {
                let to = ((image * TO_H + y + i) * TO_W + x + j) * TO_C + channel;
                write_c(to, select(vec4<f32>(), ended(s[i][j], channel, to), inside));
            }
        }
    }
}
