// A tensor of floats of 16 bits that is written, as a storage buffer: see write_buffer.wgsl.
@group(0) @binding(0) var<storage, read_write> operand: array<vec2<u32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    operand[i / 4u] = halves_of(v);
}
