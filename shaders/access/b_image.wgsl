// Operand `b` as an image of 1024 texels a row: see a_image.wgsl.
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;

fn read_b4(i: u32) -> vec4<f32> {
    let texel = i / 4u;
    return textureLoad(b, vec2(texel % 1024u, texel / 1024u));
}

fn read_b1(i: u32) -> f32 {
    return read_b4(i)[i % 4u];
}
