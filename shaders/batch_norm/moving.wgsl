// The moving statistics. d = mean, and variance STRIDE floats further.
override EPSILON: f32;

fn standard_of(place: Place, invocation: u32, gamma: vec4<f32>) -> Standard {
    let mean = select(vec4<f32>(), read_d(place.channel), place.inside);
    let inverse = select(vec4<f32>(), 1.0 / sqrt(read_d(STRIDE + place.channel) + EPSILON), place.inside);
    return Standard(vec4<f32>(), mean, inverse, gamma * inverse);
}
