// x above THRESHOLD, but at most MAX_VALUE if HAS_MAX; else (x - THRESHOLD) NEGATIVE_SLOPE.
override NEGATIVE_SLOPE: f32;
override THRESHOLD: f32;
override HAS_MAX: bool;
override MAX_VALUE: f32;

fn is_past_end(x: vec4<f32>) -> vec4<bool> {
    return vec4(HAS_MAX) & (x > vec4(THRESHOLD)) & (x >= vec4(MAX_VALUE));
}

fn activate(x: vec4<f32>) -> vec4<f32> {
    // 0 times an infinite x would be no number.
    let below = select(vec4<f32>(), (x - THRESHOLD) * NEGATIVE_SLOPE, vec4(NEGATIVE_SLOPE != 0.0) | (x != x));
    let y = select(below, x, x > vec4(THRESHOLD));
    return select(y, vec4(MAX_VALUE), is_past_end(x));
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let y = select(vec4(NEGATIVE_SLOPE), vec4(1.0), x > vec4(THRESHOLD));
    return select(y, vec4<f32>(), is_past_end(x));
}
