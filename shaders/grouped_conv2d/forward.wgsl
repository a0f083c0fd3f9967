// y = sum over (ky, kx, c) of x w, plus b. a = x, b = w and the bias, c = y. An invocation computes four filters of four
// neighbouring pixels of a line.
override STRIPS: u32; // of a line of y
override COUNT: u32; // fours of filters of all strips

// Four channels of a pixel, from c on; 0 outside x.
fn fours_at(exists: bool, pixel: u32, c: u32) -> vec4<f32> {
    return select(vec4<f32>(), read_a(pixel * CIN + c), exists);
}

fn channel_at(exists: bool, pixel: u32, o: u32, c: u32) -> vec4<f32> {
    return select(vec4<f32>(), channel_for(pixel, o, c), exists);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let item = min(i, COUNT - 1u);
    let strip = quotient(item, COUT / 4u);
    let o = item * 4u - strip * COUT;
    let line = quotient(strip, STRIPS);
    let column = (strip - line * STRIPS) * 4u;
    let image = quotient(line, OH);
    let top = i32(line - image * OH) * STRIDE_Y - BEFORE_Y;
    let left = vec4(i32(column)) * STRIDE_X - BEFORE_X + vec4(0, 1, 2, 3) * STRIDE_X;
    // Column j of a matrix belongs to pixel j of the strip.
    var s = mat4x4<f32>();
    if (BIAS) {
        let bias = read_b(BIAS_FIRST + o);
        s = mat4x4(bias, bias, bias, bias);
    }
    for (var ky = 0u; ky < KH; ky++) {
        // Below zero wraps around and fails the bound.
        let y = u32(top + i32(ky) * APART_Y);
        let first = (image * H + select(0u, y, y < H)) * W;
        for (var kx = 0u; kx < KW; kx++) {
            let x = vec4<u32>(left + i32(kx) * APART_X);
            let exists = (x < vec4(W)) & vec4(y < H);
            let pixel = first + select(vec4<u32>(), x, exists);
            let row = (ky * KW + kx) * GROUP_IN;
            if (takes_fours()) {
                let own = first_channel(o);
                for (var c = 0u; c < GROUP_IN; c += 4u) {
                    // Past the last channel x is 0.
                    let last = GROUP_IN - 1u;
                    let w = mat4x4(
                        read_b((row + c) * COUT + o),
                        read_b((row + min(c + 1u, last)) * COUT + o),
                        read_b((row + min(c + 2u, last)) * COUT + o),
                        read_b((row + min(c + 3u, last)) * COUT + o),
                    );
                    s += w * mat4x4(
                        fours_at(exists.x, pixel.x, own + c),
                        fours_at(exists.y, pixel.y, own + c),
                        fours_at(exists.z, pixel.z, own + c),
                        fours_at(exists.w, pixel.w, own + c),
                    );
                }
            } else {
                for (var c = 0u; c < GROUP_IN; c++) {
                    let w = read_b((row + c) * COUT + o);
                    s += mat4x4(
                        w * channel_at(exists.x, pixel.x, o, c),
                        w * channel_at(exists.y, pixel.y, o, c),
                        w * channel_at(exists.z, pixel.z, o, c),
                        w * channel_at(exists.w, pixel.w, o, c),
                    );
                }
            }
        }
    }
    let inside = vec4(o) + vec4(0u, 1u, 2u, 3u) < vec4(FILTERS);
    for (var j = 0u; j < 4u; j++) {
        if (i == item && column + j < OW) {
            write_c((line * OW + column + j) * COUT + o, select(vec4<f32>(), s[j], inside));
        }
    }
}
