// Operand `b` as an image of 1024 texels a row, from float B_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
override B_FIRST: u32 = 0u;

fn read_b(i: u32) -> vec4<f32> {
    let texel = (B_FIRST + i) / 4u;
    return textureLoad(b, vec2(texel % 1024u, texel / 1024u));
}
