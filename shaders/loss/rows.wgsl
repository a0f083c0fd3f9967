// What the losses share. A loss defines loss_of(row), which yields a RowLoss. Rows of images that do not count add nothing and get
// a gradient of zero. A label that is no class makes the loss NaN.
override STRIDE: u32; // floats from a row of logits to the next
override SMOOTHING: f32;

// RowLoss.correct, where the sum of `before` counts the classes that are more probable than the label.
fn places_of(before: vec4<u32>) -> vec2<u32> {
    return vec2<u32>(vec2(before.x + before.y + before.z + before.w) < vec2(1u, 5u));
}
