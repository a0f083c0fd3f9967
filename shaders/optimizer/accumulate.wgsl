// Adds SHARE of the gradient of each trained variable to what the first slot has of the parts before; the first part begins
// anew. An averaged variable takes over a share of the minibatch's statistic.
override SHARE: f32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let block = block_of(i * 4u);
    if (i * 4u < COUNT && block.role != 0u) {
        let dw = gradient_at(i * 4u, block);
        if (block.role == AVERAGED) {
            let w = read_weights(i);
            write_weights(i, w + (dw - w) * block.share);
        } else {
            write_slot0(i, select(vec4<f32>(), read_slot0(i), minibatch.step.part > 0u) + dw * SHARE);
        }
    }
}
