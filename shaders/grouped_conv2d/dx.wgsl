// dx = sum over the windows that hold a pixel, and over the filters of the group of a channel, of dy w. a = dy, b = w, c = dx.
// An invocation computes four channels of four neighbouring pixels of a line.
override STRIPS: u32; // of a line of x
override COUNT: u32; // fours of channels of all strips

// Four filters of a pixel of dy, from o on; 0 outside y.
fn fours_at(exists: bool, pixel: u32, o: u32) -> vec4<f32> {
    return select(vec4<f32>(), read_a(pixel * COUT + o), exists);
}

// The filters number f of the groups of four channels from c on. Past the last channel they are some that exist; what is
// computed there does not count.
fn filters_of(c: u32, f: u32) -> vec4<u32> {
    let own = min(vec4(c) + vec4(0u, 1u, 2u, 3u), vec4(CHANNELS - 1u));
    return own / GROUP_IN * GROUP_OUT + f;
}

fn filters_at(exists: bool, pixel: u32, c: u32, o: vec4<u32>) -> vec4<f32> {
    let first = pixel * COUT;
    if (is_depthwise()) { return select(vec4<f32>(), read_a(first + c), exists); }
    let dy = vec4(
        read_a(first + o.x / 4u * 4u)[o.x % 4u],
        read_a(first + o.y / 4u * 4u)[o.y % 4u],
        read_a(first + o.z / 4u * 4u)[o.z % 4u],
        read_a(first + o.w / 4u * 4u)[o.w % 4u],
    );
    return select(vec4<f32>(), dy, exists);
}

fn weight_of(row: u32, c: u32, o: u32) -> f32 {
    return read_b((row + min(c, CHANNELS - 1u) % GROUP_IN) * COUT + o / 4u * 4u)[o % 4u];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let item = min(i, COUNT - 1u);
    let strip = quotient(item, CIN / 4u);
    let c = item * 4u - strip * CIN;
    let line = quotient(strip, STRIPS);
    let column = (strip - line * STRIPS) * 4u;
    let image = quotient(line, H);
    let bottom = i32(line - image * H) + BEFORE_Y;
    let right = vec4(i32(column) + BEFORE_X) + vec4(0, 1, 2, 3);
    // Column j of a matrix belongs to pixel j of the strip.
    var s = mat4x4<f32>();
    for (var ky = 0u; ky < KH; ky++) {
        // Below zero wraps around and fails the bound.
        let y = u32(bottom - i32(ky) * APART_Y);
        let oy = y / u32(STRIDE_Y);
        let line_exists = oy * u32(STRIDE_Y) == y && oy < OH;
        let first = (image * OH + select(0u, oy, line_exists)) * OW;
        for (var kx = 0u; kx < KW; kx++) {
            let x = vec4<u32>(right - i32(kx) * APART_X);
            let ox = x / u32(STRIDE_X);
            let exists = (ox * u32(STRIDE_X) == x) & (ox < vec4(OW)) & vec4(line_exists);
            let pixel = first + select(vec4<u32>(), ox, exists);
            let row = (ky * KW + kx) * GROUP_IN;
            if (takes_fours()) {
                let own = min(c, CHANNELS - 1u);
                let within = own % GROUP_IN;
                let last = GROUP_IN - 1u;
                let filters = own / GROUP_IN * GROUP_OUT;
                for (var f = 0u; f < GROUP_OUT; f += 4u) {
                    // Past the last filter dy and w are 0.
                    let o = filters + f;
                    let w = mat4x4(
                        read_b((row + within) * COUT + o),
                        read_b((row + min(within + 1u, last)) * COUT + o),
                        read_b((row + min(within + 2u, last)) * COUT + o),
                        read_b((row + min(within + 3u, last)) * COUT + o),
                    );
                    s += transpose(w) * mat4x4(
                        fours_at(exists.x, pixel.x, o),
                        fours_at(exists.y, pixel.y, o),
                        fours_at(exists.z, pixel.z, o),
                        fours_at(exists.w, pixel.w, o),
                    );
                }
            } else {
                for (var f = 0u; f < GROUP_OUT; f++) {
                    let o = filters_of(c, f);
                    var w = vec4<f32>();
                    if (is_depthwise()) {
                        w = read_b(row * COUT + c);
                    } else {
                        w = vec4(
                            weight_of(row, c, o.x),
                            weight_of(row, c + 1u, o.y),
                            weight_of(row, c + 2u, o.z),
                            weight_of(row, c + 3u, o.w),
                        );
                    }
                    s += mat4x4(
                        w * filters_at(exists.x, pixel.x, c, o),
                        w * filters_at(exists.y, pixel.y, c, o),
                        w * filters_at(exists.z, pixel.z, c, o),
                        w * filters_at(exists.w, pixel.w, c, o),
                    );
                }
            }
        }
    }
    let inside = vec4(c) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
    for (var j = 0u; j < 4u; j++) {
        if (i == item && column + j < W) {
            write_c((line * W + column + j) * CIN + c, select(vec4<f32>(), s[j], inside));
        }
    }
}
