// Each cell of x gathers its share of dy from the windows that it lies in. a = dy, c = dx.
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
    var sum = vec4<f32>();
    for (var j = 0u; j < (WINDOW_H + STRIDE_Y - 1u) / STRIDE_Y; j++) {
        for (var k = 0u; k < (WINDOW_W + STRIDE_X - 1u) / STRIDE_X; k++) {
            let oy = y / STRIDE_Y - j;
            let ox = x / STRIDE_X - k;
            // Below zero wraps around and fails the bound.
            let exists = oy < OH && ox < OW && y - oy * STRIDE_Y < WINDOW_H && x - ox * STRIDE_X < WINDOW_W;
            let window = select(0u, (image * OH + oy) * OW + ox, exists) * C + first % C;
            sum += select(vec4<f32>(), read_a(window), exists);
        }
    }
    if (i * 4u == first) { write_c(first, sum / f32(WINDOW_H * WINDOW_W)); }
}
