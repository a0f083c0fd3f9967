// min(max(x, 0), 6)
fn activate(x: vec4<f32>) -> vec4<f32> {
    return clamp(x, vec4<f32>(), vec4(6.0));
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(), vec4(1.0), (x > vec4<f32>()) & (x < vec4(6.0)));
}
