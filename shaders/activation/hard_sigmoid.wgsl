// min(max(x + 3, 0), 6) / 6
fn activate(x: vec4<f32>) -> vec4<f32> {
    return clamp(x + 3.0, vec4<f32>(), vec4(6.0)) / 6.0;
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(), vec4(1.0 / 6.0), abs(x) < vec4(3.0));
}
