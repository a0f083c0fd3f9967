// RMSprop (Hinton 2012) as Keras writes it: v is the average of dw^2, and w -= rate dw / sqrt(v + epsilon). If CENTERED,
// the variance takes the place of v: v - g^2, where g is the average of dw (Graves 2013). With a momentum, the change goes
// into a velocity, and w -= velocity. The slots are v, the velocity and g.
// 1 - rho, which the host computes in f64.
override NEW: f32;
override CENTERED: bool;
override MOMENTUM: f32;

fn step(i: u32, w: vec4<f32>, dw: vec4<f32>, rate: f32) -> vec4<f32> {
    var v = read_slot0(i);
    v += (dw * dw - v) * NEW;
    write_slot0(i, v);
    var spread = v;
    if (CENTERED) {
        var g = read_slot2(i);
        g += (dw - g) * NEW;
        write_slot2(i, g);
        // Rounding must not make a variance negative.
        spread = max(v - g * g, vec4<f32>());
    }
    var change = rate * dw / sqrt(spread + minibatch.step.epsilon);
    if (MOMENTUM > 0.0) {
        change += MOMENTUM * read_slot1(i);
        write_slot1(i, change);
    }
    return w - change;
}
