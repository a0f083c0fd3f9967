// Operand `a` as an image of 1024 texels a row. llvmpipe loads a buffer lane by lane with a branch each, but gathers
// eight texels in straight-line code.
@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;

fn read_a4(i: u32) -> vec4<f32> {
    let texel = i / 4u;
    return textureLoad(a, vec2(texel % 1024u, texel / 1024u));
}

fn read_a1(i: u32) -> f32 {
    return read_a4(i)[i % 4u];
}
