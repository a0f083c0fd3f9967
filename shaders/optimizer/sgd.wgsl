// Gradient descent with momentum (Polyak 1964), and with Nesterov's (Sutskever et al. 2013). The slot is the velocity.
// PyTorch: velocity = momentum velocity + dw, w -= rate velocity; Nesterov: w -= rate (dw + momentum velocity).
// Keras has the rate inside the velocity, so that a change of the rate does not touch what the velocity holds:
// velocity = momentum velocity + rate dw, w -= velocity; Nesterov: w -= rate dw + momentum velocity. (There the velocity
// has the other sign.)
override MOMENTUM: f32;
override NESTEROV: bool;
override RATE_INSIDE: bool;

fn step(i: u32, w: vec4<f32>, dw: vec4<f32>, rate: f32) -> vec4<f32> {
    let inside = select(1.0, rate, RATE_INSIDE);
    let outside = select(rate, 1.0, RATE_INSIDE);
    let velocity = MOMENTUM * read_slot0(i) + inside * dw;
    write_slot0(i, velocity);
    return w - outside * select(velocity, inside * dw + MOMENTUM * velocity, NESTEROV);
}
