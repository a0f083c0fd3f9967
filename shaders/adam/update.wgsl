// Kingma & Ba 2015 as Keras writes it: w -= rate m / (sqrt(v) + epsilon), where the step's rate is the learning rate
// times sqrt(1 - beta2^t) / (1 - beta1^t). Before that w -= decay w, where the step's decay is the learning rate times
// the weight decay (AdamW, Loshchilov & Hutter 2019). One dispatch updates all parameters.
// a = gradients, which may be in parts. d says where those are, for each BLOCK floats of the weights:
// (first part / BLOCK, number of parts, floats from part to part / 4, 0). Weights without a part stay as they are.
override COUNT: u32;
override BLOCK: u32;
// 1 - beta, taken by the host in f64: as f32, 1 - 0.999 is off by 1.3e-5.
override NEW1: f32;
override NEW2: f32;
override EPSILON: f32;

struct State {
    w: vec4<f32>,
    m: vec4<f32>,
    v: vec4<f32>,
}

// The sum of the parts, in their order.
fn gradient(i: u32, block: vec4<u32>) -> vec4<f32> {
    let first = block.x * BLOCK + i % BLOCK;
    if (block.y == 1u) { return read_a(first); }
    var sum = vec4<f32>();
    for (var part = 0u; part < block.y; part++) {
        sum += read_a(first + part * block.z * 4u);
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let block = vec4<u32>(read_d(min(i * 4u, COUNT - 4u) / BLOCK * 4u));
    if (i * 4u < COUNT && block.y > 0u) {
        let dw = gradient(i * 4u, block);
        var state = read_state(i);
        state.m += (dw - state.m) * NEW1;
        state.v += (dw * dw - state.v) * NEW2;
        state.w -= minibatch.step.decay * state.w;
        state.w -= minibatch.step.rate * state.m / (sqrt(state.v) + EPSILON);
        write_state(i, state);
    }
}
