// x = byte / 255. The pixels of the staged minibatch start at word FIRST, four bytes a word, CHANNELS bytes a pixel.
// c = x [pixels, CHANNELS], zero past the channels.
@group(0) @binding(0) var<storage, read> minibatch: array<u32>;
override FIRST: u32;
override CHANNELS: u32;
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let channel = i % STRIDE;
    let byte = i / STRIDE * CHANNELS + channel;
    // Four bytes from any byte on: the high part of one word, the low part of the next.
    let shift = byte % 4u * 8u;
    let word = FIRST + byte / 4u;
    var bytes = minibatch[word] >> shift;
    if (CHANNELS % 4u != 0u) {
        bytes |= select(minibatch[min(word + 1u, arrayLength(&minibatch) - 1u)] << (32u - max(shift, 1u)), 0u, shift == 0u);
    }
    let x = vec4<f32>((vec4(bytes) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
    return select(vec4<f32>(), x, vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS));
}
