// y = applied(x, w), where another file defines applied. a = x, b = w, which repeats every PERIOD floats, c = y.
override PERIOD: u32;

fn element(i: u32) -> vec4<f32> {
    return applied(read_a(i), read_b(i % PERIOD));
}
