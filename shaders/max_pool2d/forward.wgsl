// y = the window's maximum; on a tie the first cell in row-major order wins. a = x, c = y.
// If x is a relu's output, a maximum of 0 has no place: relu would stop its gradient, and so it is stopped here.
override RELU: bool;
@group(0) @binding(3) var<storage, read_write> argmax: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let clamped = min(i, PIXELS * GROUPS - 1u);
    let first = clamped % GROUPS * 4u;
    let pixel = clamped / GROUPS;
    let ox = pixel % OW;
    let oy = pixel / OW % OH;
    let corner = (pixel / (OH * OW) * H + oy * STRIDE_Y) * W + ox * STRIDE_X;
    var y = read_channels(corner, first);
    var place = vec4<u32>();
    for (var cell = 1u; cell < WINDOW_H * WINDOW_W; cell++) {
        let x = read_channels(corner + cell / WINDOW_W * W + cell % WINDOW_W, first);
        let larger = x > y;
        y = select(y, x, larger);
        place = select(place, vec4(cell), larger);
    }
    if (RELU) { place = select(vec4(NO_PLACE), place, y > vec4<f32>()); }
    if (i < PIXELS * GROUPS) {
        write_c(pixel, first, C, y);
        let packed = place << ARGMAX_SHIFT;
        argmax[i] = ARGMAX_TAG | packed.x | packed.y | packed.z | packed.w;
    }
}
