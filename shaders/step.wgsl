// The minibatch as the host stages it, for every shader that reads it: the numbers of the step, then BATCH labels, then
// the pixels as bytes. src/minibatch.rs describes the same layout.
struct Step {
    number: u32,
    images: u32,
    update: u32,
    loss_scale: f32,
    seed: vec2<u32>,
    rate: f32,
    decay: f32,
    l2: f32,
    epsilon: f32,
    updates: u32,
    part: u32,
}

struct Minibatch {
    step: Step,
    data: array<u32>,
}

@group(0) @binding(6) var<storage, read> minibatch: Minibatch;
override BATCH: u32;

// The class of an image, below `classes` whatever the host wrote; 0 for an image that does not count.
fn label_of(image: u32, classes: u32) -> u32 {
    return select(0u, min(minibatch.data[image], classes - 1u), image < minibatch.step.images);
}

// Whether an image counts and the host gave it a label that is no class.
fn has_no_class(image: u32, classes: u32) -> bool {
    return image < minibatch.step.images && minibatch.data[image] >= classes;
}

// Bytes 4i to 4i + 3 of the pixels, the first in the lowest bits.
fn pixel_word(i: u32) -> u32 {
    return minibatch.data[min(BATCH + i, arrayLength(&minibatch.data) - 1u)];
}
