// No operand `e`.
fn read_e(i: u32) -> vec4<f32> {
    return vec4<f32>();
}
