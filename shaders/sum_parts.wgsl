// c[i] = sum over the parts of a[part, i], in their order. COUNT is a multiple of four.
override COUNT: u32;
override PARTS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    var sum = vec4<f32>();
    for (var part = 0u; part < PARTS; part++) {
        sum += read_a4(part * COUNT + min(i, COUNT - 4u));
    }
    if (i < COUNT) { write_c(0u, i, COUNT, sum); }
}
