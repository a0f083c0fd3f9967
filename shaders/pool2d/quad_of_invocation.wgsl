// Invocations of all workgroups follow each other.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    // Past the end, an invocation computes the last four channels again, but does not store them.
    let quad = min(i, PIXELS * C / 4u - 1u);
    make(quad * 4u / C, quad * 4u % C, i == quad);
}
