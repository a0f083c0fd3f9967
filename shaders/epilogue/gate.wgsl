// The gradient before a relu: dx = dy where y > 0, else 0. a = dy, b = y, the relu's output, c = dx. If SUMMED, d is added
// to dy.
override SUMMED: bool;

fn element(i: u32) -> vec4<f32> {
    var dy = read_a(i);
    if (SUMMED) { dy = read_d(i) + dy; }
    return select(vec4<f32>(), dy, read_b(i) > vec4<f32>());
}
