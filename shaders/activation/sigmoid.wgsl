// 1 / (1 + exp(-x)), computed from exp(-|x|), so that nothing overflows.
fn activate(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return select(vec4(1.0), e, x < vec4<f32>()) / (1.0 + e);
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return e / ((1.0 + e) * (1.0 + e));
}
