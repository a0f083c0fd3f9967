// dx = dy slope(x), where another file defines slope. a = dy, b = x, or the output where the slope is the same there,
// c = dx.
fn element(i: u32) -> vec4<f32> {
    return read_a(i) * slope(read_b(i));
}
