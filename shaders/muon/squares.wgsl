// The sum of the squares of each part of X. a = X, c = (sum, 0, 0, 0) for each part.
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    var sum = 0.0;
    if (in_x(t, group)) {
        for (var u = 0u; u < 4u; u++) {
            let x = read_a(x_place(t, t.i + u, t.j));
            sum += dot(x, x);
        }
    }
    sums[invocation] = sum;
    workgroupBarrier();
    if (invocation == 0u && group < TILES) {
        for (var k = 1u; k < 64u; k++) { sum += sums[k]; }
        write_c(group * 4u, vec4(sum, 0.0, 0.0, 0.0));
    }
}
