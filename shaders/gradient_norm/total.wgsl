// The sums of all workgroups as one. a = (s, q, 0, 0) for each of GROUPS, whose sum is s^2 q; c = the same for all.
override GROUPS: u32;

var<workgroup> shared_values: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var largest = 0.0;
    for (var i = invocation; i < GROUPS; i += 64u) { largest = max(largest, read_a(i * 4u).x); }
    shared_values[invocation] = largest;
    workgroupBarrier();
    for (var k = 0u; k < 64u; k++) { largest = max(largest, shared_values[k]); }
    workgroupBarrier();
    let scale = select(largest, 1.0, largest == 0.0);
    var sum = 0.0;
    for (var i = invocation; i < GROUPS; i += 64u) {
        let part = read_a(i * 4u);
        sum += part.x / scale * (part.x / scale) * part.y;
    }
    shared_values[invocation] = sum;
    workgroupBarrier();
    if (invocation == 0u) {
        for (var k = 1u; k < 64u; k++) { sum += shared_values[k]; }
        write_c(0u, vec4(largest, sum, 0.0, 0.0));
    }
}
