// A tensor of floats of 16 bits that is read, as an image: see read_image.wgsl.
@group(0) @binding(0) var operand: texture_storage_2d<rgba16float, read>;
override OPERAND_FIRST: u32 = 0u;

fn read_operand(i: u32) -> vec4<f32> {
    let texel = (OPERAND_FIRST + i) / 4u;
    return textureLoad(operand, vec2(texel % 1024u, texel / 1024u));
}
