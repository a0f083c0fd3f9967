// A tensor that is read and written, as an image of 1024 texels a row. Its name and its binding take the places of `operand`
// and 0. i counts texels.
@group(0) @binding(0) var operand: texture_storage_2d<rgba32float, read_write>;

fn read_operand(i: u32) -> vec4<f32> {
    return textureLoad(operand, vec2(i % 1024u, i / 1024u));
}

fn write_operand(i: u32, value: vec4<f32>) {
    textureStore(operand, vec2(i % 1024u, i / 1024u), value);
}
