// Operand `d` as an image of 1024 texels a row, from float D_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(3) var d: texture_storage_2d<rgba32float, read>;
override D_FIRST: u32 = 0u;

fn read_d(i: u32) -> vec4<f32> {
    let texel = (D_FIRST + i) / 4u;
    return textureLoad(d, vec2(texel % 1024u, texel / 1024u));
}
