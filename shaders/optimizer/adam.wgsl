// Kingma & Ba 2015 as Keras writes it: w -= rate m / (sqrt(v) + epsilon), where the step's rate is the learning rate
// times sqrt(1 - beta2^t) / (1 - beta1^t). PyTorch adds its epsilon to the corrected root, which is the same with
// epsilon times sqrt(1 - beta2^t); the host does that, or the loss scale's kernel. The first slot is m, the second one v.
// 1 - beta. The host computes it in f64, since in f32 the relative error of 1 - 0.999 is 1.3e-5.
override NEW1: f32;
override NEW2: f32;

fn step(i: u32, w: vec4<f32>, dw: vec4<f32>, rate: f32) -> vec4<f32> {
    var m = read_slot0(i);
    var v = read_slot1(i);
    m += (dw - m) * NEW1;
    v += (dw * dw - v) * NEW2;
    write_slot0(i, m);
    write_slot1(i, v);
    return w - rate * m / (sqrt(v) + step_epsilon());
}
