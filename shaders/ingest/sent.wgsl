// The host sent the pixels of the minibatch.
fn place_of(source: i32) -> i32 {
    return source;
}

fn word_of(i: u32) -> u32 {
    return pixel_word(i);
}
