// Measures how many bytes a shader can move. Each byte is read once and written once; an invocation moves many, since
// starting a workgroup takes time too.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let first = linear_workgroup(workgroup, count) * 1024u + invocation;
    for (var k = 0u; k < 16u; k++) {
        y[first + k * 64u] = x[first + k * 64u];
    }
}
