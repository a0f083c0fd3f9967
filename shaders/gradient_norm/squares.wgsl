// The squares of the gradient, added up for each workgroup, which takes QUADS fours of floats.
// c = (s, q, 0, 0) for each workgroup, from FIRST_GROUP on: its sum of squares is s^2 q, where s is its largest absolute value, so that no
// square overflows or vanishes.
override QUADS: u32;
override FIRST_GROUP: u32;

var<workgroup> shared_values: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let end = min((group + 1u) * QUADS, COUNT / 4u);
    var largest = 0.0;
    for (var i = group * QUADS + invocation; i < end; i += 64u) {
        let block = block_of(i * 4u);
        if (has_role(i * 4u, block, TRAINED)) {
            let dw = abs(gradient_at(i * 4u, block));
            largest = max(largest, max(max(dw.x, dw.y), max(dw.z, dw.w)));
        }
    }
    shared_values[invocation] = largest;
    workgroupBarrier();
    for (var k = 0u; k < 64u; k++) { largest = max(largest, shared_values[k]); }
    workgroupBarrier();
    let scale = select(largest, 1.0, largest == 0.0);
    var sum = 0.0;
    for (var i = group * QUADS + invocation; i < end; i += 64u) {
        let block = block_of(i * 4u);
        if (has_role(i * 4u, block, TRAINED)) {
            let scaled = gradient_at(i * 4u, block) / scale;
            sum += dot(scaled, scaled);
        }
    }
    shared_values[invocation] = sum;
    workgroupBarrier();
    if (invocation == 0u && group * QUADS < COUNT / 4u) {
        for (var k = 1u; k < 64u; k++) { sum += shared_values[k]; }
        write_c((FIRST_GROUP + group) * 4u, vec4(largest, sum, 0.0, 0.0));
    }
}
