// c = a + b.
override COUNT: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    let clamped = min(i, (COUNT - 1u) / 4u * 4u);
    let sum = read_a4(clamped) + read_b4(clamped);
    if (i < COUNT) { write_c(0u, i, COUNT, sum); }
}
