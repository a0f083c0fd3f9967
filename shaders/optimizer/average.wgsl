// The first slot becomes an exponential average of the weights, which takes over SHARE of them. After the first update, and
// for variables that are not trained, it is the weights.
override SHARE: f32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    if (i * 4u < COUNT) {
        let w = read_weights(i);
        let average = read_slot0(i);
        let goes_on = minibatch.step.updates > 0u && block_of(i * 4u).role == TRAINED;
        write_slot0(i, select(w, average + (w - average) * SHARE, goes_on));
    }
}
