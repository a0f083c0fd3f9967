// Second result `f` as an image of 1024 texels a row, from float F_FIRST on. i counts floats and is a multiple of four.
@group(0) @binding(5) var f: texture_storage_2d<rgba32float, write>;
override F_FIRST: u32 = 0u;

fn write_f(i: u32, v: vec4<f32>) {
    let texel = (F_FIRST + i) / 4u;
    textureStore(f, vec2(texel % 1024u, texel / 1024u), v);
}
