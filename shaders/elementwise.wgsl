// c[i..i+4] = element(i) for multiples of four. The operation's file defines element.
override COUNT: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    let v = element(min(i, COUNT - 4u));
    if (i < COUNT) { write_c(i, v); }
}
