// tanh from the exponential, since the built-in tanh of some drivers is inexact.
fn activate(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return sign(x) * (1.0 - e) / (1.0 + e);
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return 4.0 * e / ((1.0 + e) * (1.0 + e));
}
