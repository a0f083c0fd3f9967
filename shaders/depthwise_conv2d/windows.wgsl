// A sum over windows: to[p, channel] = sum over (ky, kx) of from[cell (ky, kx) of the window of p] w[ky, kx], channel by
// channel. An invocation computes four channels of STRIP neighbouring pixels, which share the weights, and share cells
// where windows are one cell apart. to [n, TO_H, TO_W, TO_C], of which CHANNELS channels count and the others are 0.
// The window of the pixel (y, x) begins at (y * STEP_Y - BEFORE_Y, x * STEP_X - BEFORE_X). Every SPACING-th cell is a pixel
// of from [n, FROM_H, FROM_W, FROM_C], the others are 0, as is what lies outside. Another file defines source and weight,
// which know how channels belong
// together, and another one the ending of each sum.
override FROM_H: u32;
override FROM_W: u32;
override FROM_C: u32;
override TO_H: u32;
override TO_W: u32;
override TO_C: u32;
override CHANNELS: u32;
override STEP_Y: i32;
override STEP_X: i32;
override SPACING_Y: u32;
override SPACING_X: u32;
override BEFORE_Y: i32;
override BEFORE_X: i32;
override KH: u32;
override KW: u32;
override MULTIPLIER: u32;
override PARTS: u32; // products that make the share of one cell
override BIAS: bool;
override BIAS_FIRST: u32;
override STRIPS: u32; // of a line of to
override COUNT: u32; // fours of channels of all strips

const STRIP = 4u;

// A line of from: whether it exists, and its first pixel.
struct Line {
    exists: bool,
    first: u32,
}

fn line_at(image: u32, y: i32) -> Line {
    // Below zero wraps around and fails the bound.
    let row = u32(y) / SPACING_Y;
    let exists = row * SPACING_Y == u32(y) && row < FROM_H;
    return Line(exists, (image * FROM_H + select(0u, row, exists)) * FROM_W);
}

fn cell_at(line: Line, x: i32, channel: u32, part: u32) -> vec4<f32> {
    let column = u32(x) / SPACING_X;
    let exists = line.exists && column * SPACING_X == u32(x) && column < FROM_W;
    return select(vec4<f32>(), source(line.first + select(0u, column, exists), channel, part), exists);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let item = min(i, COUNT - 1u);
    let strip = quotient(item, TO_C / 4u);
    let channel = item * 4u - strip * TO_C;
    let line = quotient(strip, STRIPS);
    let column = (strip - line * STRIPS) * STRIP;
    let image = quotient(line, TO_H);
    let left = i32(column) * STEP_X - BEFORE_X;
    let top = i32(line - image * TO_H) * STEP_Y - BEFORE_Y;
    // Column j of a matrix belongs to pixel j of the strip.
    var s = mat4x4<f32>();
    if (BIAS) {
        let bias = read_b(BIAS_FIRST + channel);
        s = mat4x4(bias, bias, bias, bias);
    }
    for (var part = 0u; part < PARTS; part++) {
        for (var ky = 0u; ky < KH; ky++) {
            let row = line_at(image, top + i32(ky));
            var cells = mat4x4<f32>();
            if (STEP_X == 1) {
                cells[1] = cell_at(row, left, channel, part);
                cells[2] = cell_at(row, left + 1, channel, part);
                cells[3] = cell_at(row, left + 2, channel, part);
            }
            for (var kx = 0u; kx < KW; kx++) {
                let x = left + i32(kx);
                if (STEP_X == 1) {
                    cells = mat4x4(cells[1], cells[2], cells[3], cell_at(row, x + 3, channel, part));
                } else {
                    cells[0] = cell_at(row, x, channel, part);
                    cells[1] = cell_at(row, x + STEP_X, channel, part);
                    cells[2] = cell_at(row, x + 2 * STEP_X, channel, part);
                    cells[3] = cell_at(row, x + 3 * STEP_X, channel, part);
                }
                let w = weight(ky * KW + kx, channel, part);
                s += mat4x4(cells[0] * w, cells[1] * w, cells[2] * w, cells[3] * w);
            }
        }
    }
    let inside = vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
    begin_ending(channel);
    for (var j = 0u; j < STRIP; j++) {
        if (i == item && column + j < TO_W) {
            let place = (line * TO_W + column + j) * TO_C + channel;
            write_c(place, select(vec4<f32>(), ended(s[j], channel, place), inside));
        }
    }
}
