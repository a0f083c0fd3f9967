// Dropout of x, or of its gradient: c = a SCALE where the element is kept, else 0.
override DROPPED: u32; // share that is dropped, as a part of 2^32
override SCALE: f32;
override LAYER: u32;
override IMAGE: u32; // floats of what is kept or dropped as a whole; 0 if that is a single element

fn element(i: u32) -> vec4<f32> {
    var bits = random(select(i / 4u, i / max(IMAGE, 1u), IMAGE > 0u), LAYER);
    if (IMAGE > 0u) { bits = bits.xxxx; }
    let kept = bits >= vec4(DROPPED);
    return select(vec4<f32>(), read_a(i) * SCALE, kept);
}
