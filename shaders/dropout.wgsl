// Dropout of x, or of its gradient: c = a SCALE where the element is kept, else 0.
override DROPPED: u32; // share that is dropped, as a part of 2^32
override SCALE: f32;
override LAYER: u32;

fn element(i: u32) -> vec4<f32> {
    let kept = random(i / 4u, LAYER) >= vec4(DROPPED);
    return select(vec4<f32>(), read_a(i) * SCALE, kept);
}
