// x tanh(ln(1 + exp(x))) (Misra 2019), computed from exp(-|x|), so that nothing overflows.

// tanh(ln(1 + exp(x))), and 1 less that.
struct Share {
    share: vec4<f32>,
    rest: vec4<f32>,
}

fn share_of(x: vec4<f32>, e: vec4<f32>) -> Share {
    // With p = exp(x) it is p (p + 2) / (p (p + 2) + 2); for positive x, above and below the line divided by p p.
    let is_negative = x < vec4<f32>();
    let above = select(1.0 + 2.0 * e, e * (e + 2.0), is_negative);
    let two = select(2.0 * e * e, vec4(2.0), is_negative);
    return Share(above / (above + two), two / (above + two));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * share_of(x, exp(-abs(x))).share;
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    let t = share_of(x, e);
    let logistic = select(vec4(1.0), e, x < vec4<f32>()) / (1.0 + e);
    return t.share + x * t.rest * (1.0 + t.share) * logistic;
}
