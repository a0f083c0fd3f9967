// Operand `e` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(4) var<storage, read> e: array<vec4<f32>>;

fn read_e(i: u32) -> vec4<f32> {
    return e[i / 4u];
}
