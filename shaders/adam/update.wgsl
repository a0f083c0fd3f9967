// Kingma & Ba 2015 as Keras writes it: w -= rate m / (sqrt(v) + epsilon), where the step's rate is the learning rate
// times sqrt(1 - beta2^t) / (1 - beta1^t). Before that w -= decay w, where the step's decay is the learning rate times
// the weight decay (AdamW, Loshchilov & Hutter 2019). One dispatch updates all variables.
// An averaged variable takes over a share of the minibatch's statistic instead.
// 1 - beta. The host computes it in f64, since in f32 the relative error of 1 - 0.999 is 1.3e-5.
override NEW1: f32;
override NEW2: f32;
override EPSILON: f32;

struct State {
    w: vec4<f32>,
    m: vec4<f32>,
    v: vec4<f32>,
}

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
        var state = read_state(i);
        if (block.role == AVERAGED) {
            state.w += (dw - state.w) * block.share;
        } else {
            state.m += (dw - state.m) * NEW1;
            state.v += (dw * dw - state.v) * NEW2;
            state.w -= minibatch.step.decay * block.decay * state.w;
            state.w -= minibatch.step.rate * block.rate * state.m / (sqrt(state.v) + EPSILON);
        }
        write_state(i, state);
    }
}
