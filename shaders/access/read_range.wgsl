// One part of a tensor that is larger than a binding and is read: BINDING_FLOATS floats from float BINDING_FIRST on. Elsewhere
// it is 0. Its name and its binding take the places of `operand` and 0. i counts floats and is a multiple of four.
@group(0) @binding(0) var<storage, read> operand: array<vec4<f32>>;

fn read_operand(i: u32) -> vec4<f32> {
    // What lies before it wraps around.
    let place = i - BINDING_FIRST;
    if (place < BINDING_FLOATS) { return operand[place / 4u]; }
    return vec4<f32>();
}
