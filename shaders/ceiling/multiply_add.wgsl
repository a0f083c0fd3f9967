// As many multiply-adds as the adapter can do: all in registers, in 12 chains of which none waits for another.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

override TRIPS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    // Read, so that no compiler knows them.
    let factor = x[0].x;
    let term = x[0].y;
    var a = vec4<f32>(f32(invocation));
    var b = a + 1.0;
    var c = a + 2.0;
    for (var trip = 0u; trip < TRIPS; trip++) {
        for (var k = 0u; k < 16u; k++) {
            a = a * factor + term;
            b = b * factor + term;
            c = c * factor + term;
        }
    }
    y[i] = a + b + c;
}
