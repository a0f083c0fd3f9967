// Operand `b` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;

fn read_b(i: u32) -> vec4<f32> {
    return b[i / 4u];
}
