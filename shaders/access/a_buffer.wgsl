// Operand `a` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;

fn read_a(i: u32) -> vec4<f32> {
    return a[i / 4u];
}
