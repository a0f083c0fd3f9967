// x = byte / 255. The pixels of the staged minibatch start at word FIRST, four bytes a word. c = x.
@group(0) @binding(0) var<storage, read> minibatch: array<u32>;
override FIRST: u32;

fn element(i: u32) -> vec4<f32> {
    let word = minibatch[FIRST + i / 4u];
    return vec4<f32>((vec4(word) >> vec4(0u, 8u, 16u, 24u)) & vec4(255u)) / 255.0;
}
