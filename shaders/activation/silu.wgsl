// x / (1 + exp(-x)), computed from exp(-|x|), so that nothing overflows (Elfwing et al. 2017).
fn logistic(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return select(vec4(1.0), e, x < vec4<f32>()) / (1.0 + e);
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * logistic(x);
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let y = logistic(x);
    return y + x * y * logistic(-x);
}
