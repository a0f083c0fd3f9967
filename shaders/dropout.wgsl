// Dropout of x, or of its gradient: c = a SCALE where the element is kept, else 0.
override DROPPED: u32; // share that is dropped, as a part of 2^32
override SCALE: f32;
override LAYER: u32;
override IMAGE: u32; // floats of an image, if it or its channels are kept or dropped as a whole; else 0
override QUADS: u32; // fours of channels, if these are kept or dropped as a whole; else 0

fn element(i: u32) -> vec4<f32> {
    let image = i / max(IMAGE, 1u);
    let quad = image * QUADS + i / 4u % max(QUADS, 1u);
    var bits = random(select(i / 4u, select(image, quad, QUADS > 0u), IMAGE > 0u), LAYER);
    if (IMAGE > 0u && QUADS == 0u) { bits = bits.xxxx; }
    let kept = bits >= vec4(DROPPED);
    return select(vec4<f32>(), read_a(i) * SCALE, kept);
}
