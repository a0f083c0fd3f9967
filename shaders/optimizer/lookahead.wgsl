// Lookahead (Zhang et al. 2019): after every EVERY updates the slow weights, which are the first slot, go the share ALPHA of
// the way to the weights, and the weights go on from there. If START, the slow weights become the weights instead, before
// the first update. If STATISTICS, averaged variables take part too.
override START: bool;
override EVERY: u32;
override ALPHA: f32;
override STATISTICS: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let step = minibatch.step;
    let due = select((step.updates + 1u) % EVERY == 0u, step.updates == 0u && step.part == 0u, START);
    if (i * 4u < COUNT && due) {
        let w = read_weights(i);
        let role = block_of(i * 4u).role;
        if (START) {
            write_slot0(i, w);
        } else if (role == TRAINED || (STATISTICS && role == AVERAGED)) {
            var slow = read_slot0(i);
            slow += (w - slow) * ALPHA;
            write_slot0(i, slow);
            write_weights(i, slow);
        }
    }
}
