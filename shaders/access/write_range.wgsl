// One part of a tensor that is larger than a binding and is written: BINDING_FLOATS floats from float BINDING_FIRST on. What is
// written elsewhere is dropped. Its name and its binding take the places of `operand` and 0. i counts floats and is a multiple
// of four.
@group(0) @binding(0) var<storage, read_write> operand: array<vec4<f32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    // What lies before it wraps around.
    let place = i - BINDING_FIRST;
    if (place < BINDING_FLOATS) { operand[place / 4u] = v; }
}
