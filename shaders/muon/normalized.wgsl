// X divided by its norm. a = X, b = (1 / norm, 0, 0, 0) of each of COUNT matrices, c = X / norm.
override COUNT: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    if (in_x(t, group)) {
        let factor = read_b(min(t.matrix, COUNT - 1u) * 4u).x;
        for (var u = 0u; u < 4u; u++) {
            let place = x_place(t, t.i + u, t.j);
            write_c(place, read_a(place) * factor);
        }
    }
}
