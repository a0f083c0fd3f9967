// The device holds images, as bytes without gaps, and the host sent their places among them: a word that is not 0, then
// a place for each image of the minibatch. Where the word is 0 it sent the pixels themselves, which follow.
@group(0) @binding(0) var<storage, read> held: array<u32>;
// Pixels of an image.
override PIXELS: u32;

fn are_held() -> bool {
    return pixel_word(0u) != 0u;
}

// The pixel among those held. An image that does not count is black, as the host would send it.
fn place_of(source: i32) -> i32 {
    if (source < 0 || !are_held()) { return source; }
    let image = u32(source) / PIXELS;
    if (image >= minibatch.step.images) { return -1; }
    return i32(pixel_word(1u + image) * PIXELS + u32(source) % PIXELS);
}

fn word_of(i: u32) -> u32 {
    if (are_held()) { return held[min(i, arrayLength(&held) - 1u)]; }
    return pixel_word(1u + i);
}
