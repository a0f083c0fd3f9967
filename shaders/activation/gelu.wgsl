// Hendrycks & Gimpel 2016, the exact form: x Phi(x).

// Phi(x), by formula 7.1.26 of Abramowitz & Stegun 1964, whose error is at most 8e-8.
fn normal(x: vec4<f32>) -> vec4<f32> {
    let z = abs(x) * 0.70710678;
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let tail = 0.5 * series * exp(-z * z);
    return select(1.0 - tail, tail, x < vec4<f32>());
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * normal(x);
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    return normal(x) + x * 0.39894228 * exp(-0.5 * x * x);
}
