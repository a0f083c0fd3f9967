// 1 / (norm + 1e-7) of each of COUNT matrices. a = (sum of squares, 0, 0, 0) of each of TILES parts; d = (first part, number
// of parts, 0, 0) of each matrix; c = (1 / norm, 0, 0, 0).
override COUNT: u32;
override TILES: u32;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let matrix = linear_workgroup(workgroup, count);
    let parts = vec2<u32>(read_d(min(matrix, COUNT - 1u) * 4u).xy);
    let end = min(parts.x + parts.y, TILES);
    var sum = 0.0;
    for (var i = parts.x + invocation; i < end; i += 64u) { sum += read_a(i * 4u).x; }
    sums[invocation] = sum;
    workgroupBarrier();
    if (invocation == 0u && matrix < COUNT) {
        for (var k = 1u; k < 64u; k++) { sum += sums[k]; }
        write_c(matrix * 4u, vec4(1.0 / (sqrt(sum) + 1e-7), 0.0, 0.0, 0.0));
    }
}
