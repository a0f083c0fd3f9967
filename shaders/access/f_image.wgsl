// Second result `f` as an image of 1024 texels a row. i counts floats and is a multiple of four.
@group(0) @binding(5) var f: texture_storage_2d<rgba32float, write>;

fn write_f(i: u32, v: vec4<f32>) {
    let texel = i / 4u;
    textureStore(f, vec2(texel % 1024u, texel / 1024u), v);
}
