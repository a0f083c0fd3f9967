// Adds the penalties of the weights to the loss. a = (penalty, 0, 0, 0) of each of GROUPS workgroups. The metrics have the sum
// of the losses of all images, each of which gets the penalties.
override GROUPS: u32;

var<workgroup> penalties: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var penalty = 0.0;
    for (var i = invocation; i < GROUPS; i += 64u) { penalty += read_a(i * 4u).x; }
    penalties[invocation] = penalty;
    workgroupBarrier();
    if (invocation == 0u) {
        for (var k = 1u; k < 64u; k++) { penalty += penalties[k]; }
        let slot = minibatch.step.number % SLOTS;
        let loss = bitcast<f32>(metrics[slot].x) + penalty * f32(minibatch.step.images);
        metrics[slot].x = bitcast<u32>(loss);
    }
}
