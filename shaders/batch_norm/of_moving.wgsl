// Every row is normalized by the moving statistics.
fn standard_of(place: Place, invocation: u32, gamma: vec4<f32>) -> Standard {
    return moving_standard(place.channel, place.inside, gamma);
}
