// x = byte / 255, or byte * scale + offset, which differ between at most four channels. The pixels of the minibatch have
// CHANNELS bytes each; a pixel without a source is black, which is the byte 0.
// c = x [n, H, W, CHANNELS], zero past the channels. Other files say which pixel goes where, and where its bytes lie.
override CHANNELS: u32;
override STRIDE: u32;
override BY_255: bool;
override SCALE_0: f32;
override SCALE_1: f32;
override SCALE_2: f32;
override SCALE_3: f32;
override OFFSET_0: f32;
override OFFSET_1: f32;
override OFFSET_2: f32;
override OFFSET_3: f32;

fn element(i: u32) -> vec4<f32> {
    let channel = i % STRIDE;
    let source = place_of(source_of(i / STRIDE));
    let byte = u32(max(source, 0)) * CHANNELS + channel;
    // The four bytes may start inside a word: then they are its high bytes and the low bytes of the next word.
    let shift = byte % 4u * 8u;
    var bytes = word_of(byte / 4u) >> shift;
    if (CHANNELS % 4u != 0u) {
        bytes |= select(word_of(byte / 4u + 1u) << (32u - max(shift, 1u)), 0u, shift == 0u);
    }
    let is_channel = vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
    let inside = is_channel & vec4(source >= 0);
    let x = select(vec4<f32>(), vec4<f32>((vec4(bytes) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)), inside);
    if (BY_255) { return x / 255.0; }
    let scaled = x * vec4(SCALE_0, SCALE_1, SCALE_2, SCALE_3) + vec4(OFFSET_0, OFFSET_1, OFFSET_2, OFFSET_3);
    return select(vec4<f32>(), scaled, is_channel);
}
