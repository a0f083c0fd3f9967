// A tensor that is written, as an image of 1024 texels a row, from float OPERAND_FIRST on. Its name and its binding take the
// places of `operand` and 0. i counts floats and is a multiple of four.
@group(0) @binding(0) var operand: texture_storage_2d<rgba32float, write>;
override OPERAND_FIRST: u32 = 0u;

fn write_operand(i: u32, v: vec4<f32>) {
    let texel = (OPERAND_FIRST + i) / 4u;
    textureStore(operand, vec2(texel % 1024u, texel / 1024u), v);
}
