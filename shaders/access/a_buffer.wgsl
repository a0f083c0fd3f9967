// Operand `a` as a storage buffer. Indices count floats; read_a4 wants a multiple of four.
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;

fn read_a4(i: u32) -> vec4<f32> {
    return a[i / 4u];
}

fn read_a1(i: u32) -> f32 {
    return a[i / 4u][i % 4u];
}
