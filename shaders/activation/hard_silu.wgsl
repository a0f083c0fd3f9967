// x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019).
fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * clamp(x + 3.0, vec4<f32>(), vec4(6.0)) / 6.0;
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    let straight = clamp(x + 3.0, vec4<f32>(), vec4(6.0)) / 6.0;
    return straight + select(vec4<f32>(), x / 6.0, abs(x) < vec4(3.0));
}
