// c = a where the element is kept, times SCALE, else 0: dropout of x, and of its gradient.
override DROPPED: u32; // of 2^32
override SCALE: f32;
override LAYER: u32;

fn element(i: u32) -> vec4<f32> {
    let kept = random(i / 4u, LAYER) >= vec4(DROPPED);
    return select(vec4<f32>(), read_a(i) * SCALE, kept);
}
