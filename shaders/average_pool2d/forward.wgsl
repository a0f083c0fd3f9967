// y = mean of the window. a = x, c = y.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let first = channels_of(i);
    let pixel = first / C;
    let corner = (pixel / (OH * OW) * H + pixel / OW % OH * STRIDE_Y) * W + pixel % OW * STRIDE_X;
    var sum = vec4<f32>();
    for (var cell = 0u; cell < WINDOW_H * WINDOW_W; cell++) {
        sum += read_a((corner + cell / WINDOW_W * W + cell % WINDOW_W) * C + first % C);
    }
    if (i * 4u == first) { write_c(first, sum / f32(WINDOW_H * WINDOW_W)); }
}
