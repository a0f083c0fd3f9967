// The weights as an image of 1024 texels a row.
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read_write>;

fn read_weights(i: u32) -> vec4<f32> {
    return textureLoad(weights, vec2(i % 1024u, i / 1024u));
}

fn write_weights(i: u32, value: vec4<f32>) {
    textureStore(weights, vec2(i % 1024u, i / 1024u), value);
}
