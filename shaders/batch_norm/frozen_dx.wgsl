// dx = scale dy, where the statistics do not depend on x. a = dy, d = the saved statistics, c = dx.
override C: u32;

fn element(i: u32) -> vec4<f32> {
    return read_a(i) * read_d(3u * C + i % C);
}
