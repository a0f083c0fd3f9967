// No second result.
fn write_f(i: u32, v: vec4<f32>) {}
