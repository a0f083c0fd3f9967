// A tensor that is read and written, as an image of 1024 texels a row that is read. Another file writes to the buffer that
// shares its memory. Its name and its binding take the places of `operand` and 0. i counts texels.
@group(0) @binding(0) var operand: texture_storage_2d<rgba32float, read>;

fn read_operand(i: u32) -> vec4<f32> {
    return textureLoad(operand, vec2(i % 1024u, i / 1024u));
}
