// Muon (Jordan et al. 2024) for kernels: velocity = momentum velocity + dw, and the direction is the velocity, or with
// Nesterov's momentum dw + momentum velocity. Dispatches behind this one make it orthogonal and change the kernel.
// Adam as Keras writes it for the rest; the step's epsilon is the factor of the rate, sqrt(1 - beta2^t) / (1 - beta1^t).
// The first slot is the velocity, or the first moment; the second one is the second moment. g = directions.
override MOMENTUM: f32;
override NESTEROV: bool;
override NEW1: f32;
override NEW2: f32;
override EPSILON: f32;

fn step(i: u32, w: vec4<f32>, dw: vec4<f32>, rate: f32) -> vec4<f32> {
    var m = read_slot0(i);
    if (block_of(i * 4u).share > 0.0) {
        m = MOMENTUM * m + dw;
        write_slot0(i, m);
        write_g(i * 4u, select(m, dw + MOMENTUM * m, NESTEROV));
        return w;
    }
    var v = read_slot1(i);
    m += (dw - m) * NEW1;
    v += (dw * dw - v) * NEW2;
    write_slot0(i, m);
    write_slot1(i, v);
    return w - rate * step_epsilon() * m / (sqrt(v) + EPSILON);
}
