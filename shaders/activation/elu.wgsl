// SCALE x where x is positive, else SCALE ALPHA (exp(x) - 1) (Clevert et al. 2015, Klambauer et al. 2017).
override ALPHA: f32;
override SCALE: f32;

// exp(x) - 1 for x <= 0. Near 0, where the difference would lose digits, by the Taylor series.
fn exp_minus_one(x: vec4<f32>) -> vec4<f32> {
    let series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
    return select(exp(x) - 1.0, series, x > vec4(-0.3));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    let below = ALPHA * exp_minus_one(min(x, vec4<f32>()));
    return SCALE * select(below, x, x > vec4<f32>());
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let below = ALPHA * exp(min(x, vec4<f32>()));
    return SCALE * select(below, vec4(1.0), x > vec4<f32>());
}
