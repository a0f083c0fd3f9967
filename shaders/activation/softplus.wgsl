// ln(1 + exp(x)), computed from exp(-|x|), so that nothing overflows.

// ln(1 + e) for e from 0 to 1: 2 artanh(e / (2 + e)) by its series, which keeps the digits of a small e.
fn log_of_one_plus(e: vec4<f32>) -> vec4<f32> {
    let s = e / (2.0 + e);
    let t = s * s;
    let series = 1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0 + t / 11.0))));
    return 2.0 * s * (series + t * t * t * t * t * t / 13.0);
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4<f32>()) + log_of_one_plus(exp(-abs(x)));
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-abs(x));
    return select(vec4(1.0), e, x < vec4<f32>()) / (1.0 + e);
}
