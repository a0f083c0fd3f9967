// One part of a tensor of floats of 16 bits that is larger than a binding and is read: see read_range.wgsl.
@group(0) @binding(0) var<storage, read> operand: array<vec2<u32>>;

fn read_operand(i: u32) -> vec4<f32> {
    // What lies before it wraps around.
    let place = i - BINDING_FIRST;
    if (place < BINDING_FLOATS) { return floats_of(operand[place / 4u]); }
    return vec4<f32>();
}
