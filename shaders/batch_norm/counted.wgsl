// Rows of the images that count: PIXELS of each.
override PIXELS: u32;

fn counted_rows() -> u32 {
    return clamp(minibatch.step.images * PIXELS, 1u, ROWS);
}
