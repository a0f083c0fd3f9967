// y = max(x, 0). a = x, c = y.
fn element(i: u32) -> vec4<f32> {
    return max(read_a(i), vec4<f32>());
}
