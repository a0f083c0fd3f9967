// No tensor takes the place of `operand`.
fn read_operand(i: u32) -> vec4<f32> {
    return vec4<f32>();
}
