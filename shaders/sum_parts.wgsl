// c[i] = sum over the parts of a[part, i], in their order.
override COUNT: u32;
override PARTS: u32;
override PART_LEN: u32; // a multiple of four

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    var sum = vec4<f32>();
    for (var part = 0u; part < PARTS; part++) {
        sum += read_a4(part * PART_LEN + min(i, (COUNT - 1u) / 4u * 4u));
    }
    if (i < COUNT) { write_c(0u, i, COUNT, sum); }
}
