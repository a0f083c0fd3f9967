// Operand `b` as a storage buffer. Indices count floats; read_b4 wants a multiple of four.
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;

fn read_b4(i: u32) -> vec4<f32> {
    return b[i / 4u];
}

fn read_b1(i: u32) -> f32 {
    return b[i / 4u][i % 4u];
}
