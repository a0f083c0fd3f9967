// y = max(x, 0). a = x, c = y.
fn element(i: u32) -> vec4<f32> {
    return max(read_a4(i), vec4<f32>());
}
