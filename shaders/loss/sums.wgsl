// What the losses share: one workgroup takes the whole batch, so that the sums have one order. Each invocation adds up the rows
// invocation, invocation + 64 and so on; add_up adds the invocations and writes the metrics of the step.
// Rows of images that do not count add nothing and get a gradient of zero. A label that is no class makes the loss NaN.
override ROWS: u32;
override STRIDE: u32; // floats from a row of logits to the next
override SMOOTHING: f32;

const NOT_A_NUMBER = 0x7fc00000u;

var<workgroup> losses: array<f32, 64>;
var<workgroup> corrects: array<vec2<u32>, 64>;
var<workgroup> without_class: array<u32, 64>;

// Whether the label is the most probable class, and whether it is among the five most probable ones, where the sum of
// `before` counts the classes that are more probable.
fn places_of(before: vec4<u32>) -> vec2<u32> {
    return vec2<u32>(vec2(before.x + before.y + before.z + before.w) < vec2(1u, 5u));
}

fn add_up(invocation: u32, of_rows: f32, correct_rows: vec2<u32>, wrong_rows: u32) {
    losses[invocation] = of_rows;
    corrects[invocation] = correct_rows;
    without_class[invocation] = wrong_rows;
    workgroupBarrier();
    if (invocation == 0u) {
        var loss = of_rows;
        var correct = correct_rows;
        var wrong = wrong_rows;
        for (var i = 1u; i < 64u; i++) {
            loss += losses[i];
            correct += corrects[i];
            wrong += without_class[i];
        }
        let bits = select(bitcast<u32>(loss), NOT_A_NUMBER, wrong > 0u);
        metrics[minibatch.step.number % SLOTS] = vec4(bits, correct, minibatch.step.images);
    }
}
