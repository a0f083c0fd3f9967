// The gradient of the weights that depthwise_conv2d/dw is, for a square kernel, one channel of y for each of x, and windows STEP
// cells apart in both directions. An invocation adds up all cells of the kernel, and the bias, for four channels of
// a part of the tiles of 2 x 4 pixels of y, which see CELL_ROWS x CELL_COLUMNS pixels of x: it reads each of these
// once for all of the kernel. Another file defines KERNEL, STEP, CELL_ROWS and CELL_COLUMNS.
override H: u32;
override W: u32;
override CIN: u32;
override OH: u32;
override OW: u32;
override COUT: u32;
override KH: u32;
override KW: u32;
override BEFORE_Y: i32;
override BEFORE_X: i32;
override MULTIPLIER: u32;
override BIAS: bool;
override BIAS_FIRST: u32;
override ITEMS: u32; // of a part
override STRIPS: u32; // tiles side by side
override TILE_LINES: u32; // tiles of an image, one below the other
override TILES: u32; // of all images
override TILES_OF_PART: u32;
override PARTS: u32;
override PART_LEN: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let place = min(i, ITEMS * PARTS - 1u);
    let part = quotient(place, ITEMS);
    let channel = (place - part * ITEMS) * 4u;
    var s = array<array<vec4<f32>, KERNEL>, KERNEL>();
    var bias = vec4<f32>();
    // The condition stands at the end, since llvmpipe would run the body of another loop once more, for nothing.
    var tile = part * TILES_OF_PART;
    let end = min(tile + TILES_OF_PART, TILES);
    loop {
        let line = quotient(tile, STRIPS);
        let image = quotient(line, TILE_LINES);
        let y = (line - image * TILE_LINES) * 2u;
        let x = (tile - line * STRIPS) * 4u;
        let top = i32(y * STEP) - BEFORE_Y;
        let left = i32(x * STEP) - BEFORE_X;
        var cells = array<array<vec4<f32>, CELL_COLUMNS>, CELL_ROWS>();
        for (var r = 0u; r < CELL_ROWS; r++) {
            // Below zero wraps around and fails the bound.
            let row = u32(top + i32(r));
            let first = (image * H + select(0u, row, row < H)) * W;
            for (var q = 0u; q < CELL_COLUMNS; q++) {
                let column = u32(left + i32(q));
                let exists = row < H && column < W;
                let cell = read_a((first + select(0u, column, exists)) * CIN + channel);
                cells[r][q] = select(vec4<f32>(), cell, exists);
            }
        }
        var dy = array<array<vec4<f32>, 4>, 2>();
        for (var r = 0u; r < 2u; r++) {
            for (var q = 0u; q < 4u; q++) {
                let exists = y + r < OH && x + q < OW;
                let pixel = (image * OH + min(y + r, OH - 1u)) * OW + min(x + q, OW - 1u);
                dy[r][q] = select(vec4<f32>(), read_b(pixel * COUT + channel), exists);
                if (BIAS) { bias += dy[r][q]; }
            }
        }
        for (var ky = 0u; ky < KERNEL; ky++) {
            for (var kx = 0u; kx < KERNEL; kx++) {
                for (var r = 0u; r < 2u; r++) {
                    for (var q = 0u; q < 4u; q++) { s[ky][kx] += cells[r * STEP + ky][q * STEP + kx] * dy[r][q]; }
                }
            }
        }
        continuing {
            tile += 1u;
            break if tile >= end;
        }
    }
    for (var ky = 0u; ky < KERNEL; ky++) {
        for (var kx = 0u; kx < KERNEL; kx++) {
            if (i == place) { write_c(part * PART_LEN + (ky * KERNEL + kx) * COUT + channel, s[ky][kx]); }
        }
    }
    if (BIAS && i == place) { write_c(part * PART_LEN + BIAS_FIRST + channel, bias); }
}
