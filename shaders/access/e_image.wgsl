// Operand `e` as an image of 1024 texels a row, from float E_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(4) var e: texture_storage_2d<rgba32float, read>;
override E_FIRST: u32 = 0u;

fn read_e(i: u32) -> vec4<f32> {
    let texel = (E_FIRST + i) / 4u;
    return textureLoad(e, vec2(texel % 1024u, texel / 1024u));
}
