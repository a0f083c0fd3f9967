// Kingma & Ba 2015 as Keras writes it: w -= alpha m / (sqrt(v) + epsilon), where the host gives
// alpha = rate sqrt(1 - beta2^t) / (1 - beta1^t) with the minibatch. Before that w -= decay w, where decay is the rate
// times the weight decay (AdamW, Loshchilov & Hutter 2019). One dispatch for all parameters.
// a = gradients, which may be in parts. d says where those are, for each BLOCK floats of the weights:
// (first part / BLOCK, number of parts, floats from part to part / 4, 0). Weights without a part stay as they are.
@group(0) @binding(1) var<storage, read> minibatch: array<u32>; // alpha is word 2, decay word 3
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
        state.w -= bitcast<f32>(minibatch[3]) * state.w;
        state.w -= bitcast<f32>(minibatch[2]) * state.m / (sqrt(state.v) + EPSILON);
        write_state(i, state);
    }
}
