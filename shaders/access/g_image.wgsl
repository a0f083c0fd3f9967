// Third result `g` as an image of 1024 texels a row, from float G_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(8) var g: texture_storage_2d<rgba32float, write>;
override G_FIRST: u32 = 0u;

fn write_g(i: u32, v: vec4<f32>) {
    let texel = (G_FIRST + i) / 4u;
    textureStore(g, vec2(texel % 1024u, texel / 1024u), v);
}
