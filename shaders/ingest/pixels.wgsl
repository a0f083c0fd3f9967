// x = byte / 255. The pixels of the minibatch have CHANNELS bytes each.
// c = x [n, H, W, CHANNELS], zero past the channels. Another file says which pixel goes where.
override CHANNELS: u32;
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let channel = i % STRIDE;
    let source = source_of(i / STRIDE);
    let byte = u32(max(source, 0)) * CHANNELS + channel;
    // The four bytes may start inside a word: then they are its high bytes and the low bytes of the next word.
    let shift = byte % 4u * 8u;
    var bytes = pixel_word(byte / 4u) >> shift;
    if (CHANNELS % 4u != 0u) {
        bytes |= select(pixel_word(byte / 4u + 1u) << (32u - max(shift, 1u)), 0u, shift == 0u);
    }
    let x = vec4<f32>((vec4(bytes) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
    let inside = (vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS)) & vec4(source >= 0);
    return select(vec4<f32>(), x, inside);
}
