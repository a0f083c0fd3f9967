// One part of a tensor of floats of 16 bits that is larger than a binding and is written: see write_range.wgsl.
@group(0) @binding(0) var<storage, read_write> operand: array<vec2<u32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    // What lies before it wraps around.
    let place = i - BINDING_FIRST;
    if (place < BINDING_FLOATS) { operand[place / 4u] = halves_of(v); }
}
