// dx = scale dy, where the statistics do not depend on x. a = dy, d = the saved statistics, c = dx, f = dy again, which is
// the gradient of what was added to the result, if any.
override C: u32;

fn element(i: u32) -> vec4<f32> {
    let dy = read_a(i);
    write_f(i, dy);
    return dy * read_d(3u * C + i % C);
}
