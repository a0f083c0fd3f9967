// y = the window's maximum; on a tie the first cell in row-major order wins. a = x, c = y,
// f = place of the maximum in its window.
// If x is a relu's output, a maximum of 0 has the place -1: relu would stop its gradient, and so it is stopped here.
override RELU: bool;

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
    var y = read_a(corner * C + first % C);
    var place = vec4<f32>();
    for (var cell = 1u; cell < WINDOW_H * WINDOW_W; cell++) {
        let x = read_a((corner + cell / WINDOW_W * W + cell % WINDOW_W) * C + first % C);
        let larger = x > y;
        y = select(y, x, larger);
        place = select(place, vec4(f32(cell)), larger);
    }
    if (RELU) { place = select(vec4(-1.0), place, y > vec4<f32>()); }
    if (i * 4u == first) {
        write_c(first, y);
        write_f(first, place);
    }
}
