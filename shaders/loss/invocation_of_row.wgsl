// An invocation for each row. g = what it finds, four floats a row.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let row = linear_workgroup(workgroup, count) * 64u + invocation;
    if (row < ROWS) {
        write_g(row * 4u, as_floats(loss_of(row)));
    }
}
