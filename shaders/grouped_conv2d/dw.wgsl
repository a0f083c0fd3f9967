// dw[ky, kx, c, o] = sum over the pixels of y of x[cell (ky, kx) of the pixel's window, channel c of the group of o] dy[pixel, o];
// db[o] = sum of dy[pixel, o]. a = x, b = dy, c = dw and db, PART_LEN floats for each of PARTS parts of the sum.
// An invocation adds up LINES_OF_PART lines of pixels, for four filters and four channels of a cell of the kernel.
override ITEMS: u32; // of a part
override LINES: u32;
override LINES_OF_PART: u32;
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
    let item = place - part * ITEMS;
    let block = quotient(item, COUT / 4u);
    let o = item * 4u - block * COUT;
    let blocks = (GROUP_IN + 3u) / 4u;
    let is_bias = BIAS && block == KH * KW * blocks;
    let tap = min(block / blocks, KH * KW - 1u);
    let c = block % blocks * 4u;
    let last = GROUP_IN - 1u;
    let own = first_channel(o) + c;
    // Column j of a matrix belongs to channel c + j of the group.
    var s = mat4x4<f32>();
    for (var line = part * LINES_OF_PART; line < min((part + 1u) * LINES_OF_PART, LINES); line++) {
        let image = quotient(line, OH);
        // Below zero wraps around and fails the bound.
        let y = u32(i32(line - image * OH) * STRIDE_Y + i32(tap / KW) * APART_Y - BEFORE_Y);
        let first = (image * H + select(0u, y, y < H)) * W;
        for (var ox = 0u; ox < OW; ox++) {
            let x = u32(i32(ox) * STRIDE_X + i32(tap % KW) * APART_X - BEFORE_X);
            let exists = x < W && y < H;
            let pixel = first + select(0u, x, exists);
            var dy = read_b((line * OW + ox) * COUT + o);
            if (is_bias) {
                s[0] += dy;
            } else if (takes_fours()) {
                let cells = select(vec4<f32>(), read_a(pixel * CIN + own), exists);
                s += mat4x4(cells.x * dy, cells.y * dy, cells.z * dy, cells.w * dy);
            } else {
                dy = select(vec4<f32>(), dy, exists);
                s[0] += channel_for(pixel, o, c) * dy;
                if (GROUP_IN > 1u) { s[1] += channel_for(pixel, o, min(c + 1u, last)) * dy; }
                if (GROUP_IN > 2u) { s[2] += channel_for(pixel, o, min(c + 2u, last)) * dy; }
                if (GROUP_IN > 3u) { s[3] += channel_for(pixel, o, min(c + 3u, last)) * dy; }
            }
        }
    }
    for (var j = 0u; j < 4u; j++) {
        let row = select((tap * GROUP_IN + c + j) * COUT, BIAS_FIRST, is_bias);
        let counts = select(c + j < GROUP_IN, j == 0u, is_bias);
        if (i == place && counts) { write_c(part * PART_LEN + row + o, s[j]); }
    }
}
