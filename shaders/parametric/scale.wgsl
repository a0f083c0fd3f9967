// x w
fn applied(x: vec4<f32>, w: vec4<f32>) -> vec4<f32> {
    return x * w;
}

fn slope_of_x(x: vec4<f32>, w: vec4<f32>) -> vec4<f32> {
    return w;
}

fn slope_of_w(x: vec4<f32>) -> vec4<f32> {
    return x;
}
