// c = a b. An element of b belongs to a channel of PIXELS pixels of a [.., PIXELS, C].
override PIXELS: u32;
override C: u32;

fn element(i: u32) -> vec4<f32> {
    return read_a(i) * read_b(i / (PIXELS * C) * C + i % C);
}
