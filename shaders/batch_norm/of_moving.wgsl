// Every row is normalized by the moving statistics.
fn standard_of(place: Place, d: u32, invocation: u32, gamma: vec4<f32>) -> Standard {
    let column = column_of(place, d);
    return moving_standard(column.channel, column.inside, gamma);
}
