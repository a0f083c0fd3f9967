// The first slot of the state as an image of 1024 texels a row.
@group(0) @binding(4) var slot0: texture_storage_2d<rgba32float, read_write>;

fn read_slot0(i: u32) -> vec4<f32> {
    return textureLoad(slot0, vec2(i % 1024u, i / 1024u));
}

fn write_slot0(i: u32, value: vec4<f32>) {
    textureStore(slot0, vec2(i % 1024u, i / 1024u), value);
}
