// Operand `d` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(3) var<storage, read> d: array<vec4<f32>>;

fn read_d(i: u32) -> vec4<f32> {
    return d[i / 4u];
}
