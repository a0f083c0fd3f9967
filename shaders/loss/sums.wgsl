// The losses of all rows as one, in an order that does not depend on where they were computed: each of 64 invocations adds up
// the rows invocation, invocation + 64 and so on; add_up adds the invocations and writes the metrics of the step.
const NOT_A_NUMBER = 0x7fc00000u;

var<workgroup> losses: array<f32, 64>;
var<workgroup> corrects: array<vec2<u32>, 64>;
var<workgroup> without_class: array<u32, 64>;

fn add_up(invocation: u32, of_rows: RowLoss) {
    if (invocation < 64u) {
        losses[invocation] = of_rows.loss;
        corrects[invocation] = of_rows.correct;
        without_class[invocation] = of_rows.wrong;
    }
    workgroupBarrier();
    if (invocation == 0u) {
        var loss = of_rows.loss;
        var correct = of_rows.correct;
        var wrong = of_rows.wrong;
        for (var i = 1u; i < 64u; i++) {
            loss += losses[i];
            correct += corrects[i];
            wrong += without_class[i];
        }
        let bits = select(bitcast<u32>(loss), NOT_A_NUMBER, wrong > 0u);
        metrics[minibatch.step.number % SLOTS] = vec4(bits, correct, minibatch.step.images);
    }
}
