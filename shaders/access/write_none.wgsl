// No tensor takes the place of `operand`.
fn write_operand(i: u32, v: vec4<f32>) {}
