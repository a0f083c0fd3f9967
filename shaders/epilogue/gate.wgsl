// The gradient before a relu: dx = dy where y > 0, else 0. a = dy, b = y, the relu's output, c = dx.
fn element(i: u32) -> vec4<f32> {
    return select(vec4<f32>(), read_a(i), read_b(i) > vec4<f32>());
}
