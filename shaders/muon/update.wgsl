// The kernels go against the direction X: w -= rate factor X. a = X.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    if (in_x(t, group) && is_taken()) {
        for (var u = 0u; u < 4u; u++) {
            let place = x_place(t, t.i + u, t.j);
            let w = read_weights(place / 4u);
            write_weights(place / 4u, w - step_rate() * t.rate * read_a(place));
        }
    }
}
