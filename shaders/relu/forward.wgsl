// y = max(x, 0). a = x, c = y.
override COUNT: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    let x = read_a4(min(i, (COUNT - 1u) / 4u * 4u));
    if (i < COUNT) { write_c(0u, i, COUNT, max(x, vec4<f32>())); }
}
