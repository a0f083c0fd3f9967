// Each cell of x gathers dy from the windows whose maximum it is. a = dy, d = places, c = dx.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let first = channels_of(i);
    let pixel = first / C;
    let x = pixel % W;
    let y = pixel / W % H;
    let image = pixel / (H * W);
    // Windows oy with oy * STRIDE_Y <= y < oy * STRIDE_Y + WINDOW_H, if they exist; the trip count is constant.
    var dx = vec4<f32>();
    for (var j = 0u; j < (WINDOW_H + STRIDE_Y - 1u) / STRIDE_Y; j++) {
        for (var k = 0u; k < (WINDOW_W + STRIDE_X - 1u) / STRIDE_X; k++) {
            let oy = y / STRIDE_Y - j;
            let ox = x / STRIDE_X - k;
            let ky = y - oy * STRIDE_Y;
            let kx = x - ox * STRIDE_X;
            // Below zero wraps around and fails the bound.
            let exists = oy < OH && ox < OW && ky < WINDOW_H && kx < WINDOW_W;
            let window = select(0u, (image * OH + oy) * OW + ox, exists) * C + first % C;
            let chosen = (read_d(window) == vec4(f32(ky * WINDOW_W + kx))) & vec4(exists);
            dx += select(vec4<f32>(), read_a(window), chosen);
        }
    }
    if (i * 4u == first) { write_c(first, dx); }
}
