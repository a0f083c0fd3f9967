// No operand `d`.
fn read_d(i: u32) -> vec4<f32> {
    return vec4<f32>();
}
