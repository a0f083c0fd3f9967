// dx = dy slope_of_x(x, w), where another file defines slope_of_x. a = dy, b = w, which repeats every PERIOD floats, c = dx,
// d = x where the slope depends on it.
override PERIOD: u32;

fn element(i: u32) -> vec4<f32> {
    return read_a(i) * slope_of_x(read_d(i), read_b(i % PERIOD));
}
