// x where it is positive, else x w (He et al. 2015).
fn applied(x: vec4<f32>, w: vec4<f32>) -> vec4<f32> {
    return select(x * w, x, x > vec4<f32>());
}

fn slope_of_x(x: vec4<f32>, w: vec4<f32>) -> vec4<f32> {
    return select(w, vec4(1.0), x > vec4<f32>());
}

fn slope_of_w(x: vec4<f32>) -> vec4<f32> {
    return min(x, vec4<f32>());
}
