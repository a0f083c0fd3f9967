// One dispatch updates all variables. A trained variable w goes through the optimizer's rule, which a file of its own
// defines, with the gradient dw of the loss:
//     fn step(i: u32, w: vec4<f32>, dw: vec4<f32>, rate: f32) -> vec4<f32>
// returns the new weights from float 4i on. It reads and writes the state by read_slot0, write_slot0 and so on.
// A decoupled decay (Loshchilov & Hutter 2019) takes a share of w away before that; an L2 decay adds to dw instead.
// An averaged variable takes over a share of the minibatch's statistic, which is in the place of dw.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let block = block_of(i * 4u);
    if (i * 4u < COUNT && block.role != 0u && is_taken()) {
        var dw = gradient_at(i * 4u, block);
        var w = read_weights(i);
        if (block.role == AVERAGED) {
            w += (dw - w) * block.share;
        } else {
            dw *= clip_factor();
            dw += minibatch.step.l2 * block.decay * w;
            w -= minibatch.step.decay * block.decay * block.rate * w;
            w = step(i, w, dw, step_rate() * block.rate);
        }
        write_weights(i, w);
    }
}
