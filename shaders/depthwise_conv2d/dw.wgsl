// dw[ky, kx, o] = sum over the pixels of y of x[cell (ky, kx) of the pixel's window, o / MULTIPLIER] dy[pixel, o];
// db[o] = sum of dy[pixel, o]. a = x, b = dy, c = dw and db, PART_LEN floats for each of PARTS parts of the sum.
// An invocation adds up LINES_OF_PART lines of pixels, for four channels and COLUMNS cells of a row of the kernel.
// x [n, H, W, CIN], y [n, OH, OW, COUT]; the window of (oy, ox) begins at
// (oy * STRIDE_Y - BEFORE_Y, ox * STRIDE_X - BEFORE_X).
override H: u32;
override W: u32;
override CIN: u32;
override OH: u32;
override OW: u32;
override COUT: u32;
override KH: u32;
override KW: u32;
override STRIDE_Y: i32;
override STRIDE_X: i32;
override BEFORE_Y: i32;
override BEFORE_X: i32;
override MULTIPLIER: u32;
override BIAS: bool;
override BIAS_FIRST: u32;
override BLOCKS: u32; // of COLUMNS cells of a row of the kernel
override ITEMS: u32; // of a part
override LINES: u32;
override LINES_OF_PART: u32;
override PARTS: u32;
override PART_LEN: u32;

const COLUMNS = 4u;

// Four channels of x in the row that begins at pixel `first`, 0 outside x.
fn x_at(row_exists: bool, first: u32, x: i32, channel: u32) -> vec4<f32> {
    let exists = row_exists && u32(x) < W;
    return select(vec4<f32>(), x_for(first + select(0u, u32(x), exists), CIN, channel), exists);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let place = min(i, ITEMS * PARTS - 1u);
    let part = quotient(place, ITEMS);
    let item = place - part * ITEMS;
    let block = quotient(item, COUT / 4u);
    let channel = item * 4u - block * COUT;
    let is_bias = BIAS && block == KH * BLOCKS;
    let ky = min(block / BLOCKS, KH - 1u);
    let kx = block % BLOCKS * COLUMNS;
    // Column j of a matrix belongs to cell (ky, kx + j) of the kernel.
    var s = mat4x4<f32>();
    for (var line = part * LINES_OF_PART; line < min((part + 1u) * LINES_OF_PART, LINES); line++) {
        let image = quotient(line, OH);
        let y = i32(line - image * OH) * STRIDE_Y + i32(ky) - BEFORE_Y;
        let exists = u32(y) < H;
        let first = (image * H + select(0u, u32(y), exists)) * W;
        var x = i32(kx) - BEFORE_X;
        var cells = mat4x4<f32>();
        if (STRIDE_X == 1) {
            cells[1] = x_at(exists, first, x, channel);
            cells[2] = x_at(exists, first, x + 1, channel);
            cells[3] = x_at(exists, first, x + 2, channel);
        }
        for (var ox = 0u; ox < OW; ox++) {
            if (STRIDE_X == 1) {
                cells = mat4x4(cells[1], cells[2], cells[3], x_at(exists, first, x + 3, channel));
            } else {
                cells[0] = x_at(exists, first, x, channel);
                if (KW > 1u) { cells[1] = x_at(exists, first, x + 1, channel); }
                if (KW > 2u) { cells[2] = x_at(exists, first, x + 2, channel); }
                if (KW > 3u) { cells[3] = x_at(exists, first, x + 3, channel); }
            }
            let dy = read_b((line * OW + ox) * COUT + channel);
            let counted = select(cells[0], vec4(1.0), is_bias);
            s += mat4x4(counted * dy, cells[1] * dy, cells[2] * dy, cells[3] * dy);
            x += STRIDE_X;
        }
    }
    let last = select(KW - kx, 1u, is_bias);
    for (var j = 0u; j < COLUMNS; j++) {
        let row = select((ky * KW + kx + j) * COUT, BIAS_FIRST, is_bias);
        if (i == place && j < last) { write_c(part * PART_LEN + row + channel, s[j]); }
    }
}
