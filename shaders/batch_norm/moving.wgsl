// The moving statistics. d = mean, and variance from float VARIANCE_FIRST on.
override EPSILON: f32;
override VARIANCE_FIRST: u32;

// Of four channels from `channel` on, of which those `inside` are real.
fn moving_standard(channel: u32, inside: vec4<bool>, gamma: vec4<f32>) -> Standard {
    let mean = select(vec4<f32>(), read_d(channel), inside);
    let inverse = select(vec4<f32>(), 1.0 / sqrt(read_d(VARIANCE_FIRST + channel) + EPSILON), inside);
    return Standard(vec4<f32>(), mean, inverse, gamma * inverse);
}
