// Measures how many multiply-adds the adapter can do: all in registers, in 12 chains that do not wait for each other. The
// loop is written out, so that little else takes time.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

override TRIPS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    // The values come from memory, so that the compiler cannot compute the result.
    let factor = x[0].x;
    let t = vec4<f32>(x[0].y);
    let term = mat3x4<f32>(t, t, t);
    let start = vec4<f32>(f32(invocation));
    var m = mat3x4<f32>(start, start + 1.0, start + 2.0);
    for (var trip = 0u; trip < TRIPS; trip++) {
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
        m = m * factor + term;
    }
    y[linear_workgroup(workgroup, count) * 64u + invocation] = m[0] + m[1] + m[2];
}
