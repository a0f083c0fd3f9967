// x = byte / 255. The pixels of the minibatch have CHANNELS bytes each.
// c = x [n, H, W, CHANNELS], zero past the channels. Which pixel goes where, another file says.
override CHANNELS: u32;
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let channel = i % STRIDE;
    let source = source_of(i / STRIDE);
    let byte = u32(max(source, 0)) * CHANNELS + channel;
    // Four bytes from any byte on: the high part of one word, the low part of the next.
    let shift = byte % 4u * 8u;
    var bytes = pixel_word(byte / 4u) >> shift;
    if (CHANNELS % 4u != 0u) {
        bytes |= select(pixel_word(byte / 4u + 1u) << (32u - max(shift, 1u)), 0u, shift == 0u);
    }
    let x = vec4<f32>((vec4(bytes) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
    let inside = (vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS)) & vec4(source >= 0);
    return select(vec4<f32>(), x, inside);
}
