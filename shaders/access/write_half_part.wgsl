// A part of a tensor of floats of 16 bits that is larger than a binding and is written: see write_part.wgsl.
@group(0) @binding(0) var<storage, read_write> operand: array<vec2<u32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    if (i < BINDING_FLOATS) {
        operand[i / 4u] = halves_of(v);
    } else {
        write_following(i - BINDING_FLOATS, v);
    }
}
