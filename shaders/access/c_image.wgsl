// Result `c` as an image of 1024 texels a row, from float C_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(2) var c: texture_storage_2d<rgba32float, write>;
override C_FIRST: u32 = 0u;

fn write_c(i: u32, v: vec4<f32>) {
    let texel = (C_FIRST + i) / 4u;
    textureStore(c, vec2(texel % 1024u, texel / 1024u), v);
}
