// Operand `a` as an image of 1024 texels a row, from float A_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
override A_FIRST: u32 = 0u;

fn read_a(i: u32) -> vec4<f32> {
    let texel = (A_FIRST + i) / 4u;
    return textureLoad(a, vec2(texel % 1024u, texel / 1024u));
}
