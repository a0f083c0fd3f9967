// c = a.
fn element(i: u32) -> vec4<f32> {
    return read_a(i);
}
