// A tensor of floats of 16 bits that is read, as a storage buffer: see read_buffer.wgsl.
@group(0) @binding(0) var<storage, read> operand: array<vec2<u32>>;

fn read_operand(i: u32) -> vec4<f32> {
    return floats_of(operand[i / 4u]);
}
