// The third slot of the state as an image of 1024 texels a row.
@group(0) @binding(7) var slot2: texture_storage_2d<rgba32float, read_write>;

fn read_slot2(i: u32) -> vec4<f32> {
    return textureLoad(slot2, vec2(i % 1024u, i / 1024u));
}

fn write_slot2(i: u32, value: vec4<f32>) {
    textureStore(slot2, vec2(i % 1024u, i / 1024u), value);
}
