// x = byte / 255. The staged minibatch is HEADER words, ROWS labels, then the pixels, four bytes a word. c = x.
@group(0) @binding(0) var<storage, read> minibatch: array<u32>;
override COUNT: u32;
override FIRST: u32; // word of the first pixel

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let word = minibatch[FIRST + min(i, (COUNT - 1u) / 4u)];
    let x = vec4<f32>((vec4(word) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
    if (i * 4u < COUNT) { write_c(0u, i * 4u, COUNT, x); }
}
