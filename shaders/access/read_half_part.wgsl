// A part of a tensor of floats of 16 bits that is larger than a binding and is read: see read_part.wgsl.
@group(0) @binding(0) var<storage, read> operand: array<vec2<u32>>;

fn read_operand(i: u32) -> vec4<f32> {
    if (i < BINDING_FLOATS) { return floats_of(operand[i / 4u]); }
    return read_following(i - BINDING_FLOATS);
}
