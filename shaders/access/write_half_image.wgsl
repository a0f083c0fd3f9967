// A tensor of floats of 16 bits that is written, as an image: see write_image.wgsl.
@group(0) @binding(0) var operand: texture_storage_2d<rgba16float, write>;
override OPERAND_FIRST: u32 = 0u;

fn write_operand(i: u32, v: vec4<f32>) {
    let texel = (OPERAND_FIRST + i) / 4u;
    textureStore(operand, vec2(texel % 1024u, texel / 1024u), floats_of(halves_of(v)));
}
