// Copies elements in their order to rows of another length; it serves the gradient too. a [.., FROM], c [.., TO].
override FROM: u32;
override FROM_STRIDE: u32;
override TO: u32;
override TO_STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let first = i % TO_STRIDE;
    var v = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let place = i / TO_STRIDE * TO + min(first + j, TO - 1u);
        let source = place / FROM * FROM_STRIDE + place % FROM;
        v[j] = select(0.0, read_a(source / 4u * 4u)[source % 4u], first + j < TO);
    }
    return v;
}
