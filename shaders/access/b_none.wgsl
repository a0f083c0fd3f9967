// No operand `b`.
fn read_b(i: u32) -> vec4<f32> {
    return vec4<f32>();
}
