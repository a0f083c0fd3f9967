// No third result.
fn write_g(i: u32, v: vec4<f32>) {}
