// The losses of all rows as one, in an order that does not depend on where they were computed: each of 64 invocations adds up
// the rows invocation, invocation + 64 and so on; add_up adds the invocations and writes the metrics of the step.
const NOT_A_NUMBER = 0x7fc00000u;

// A vec4 for each invocation: the loss, the two counts of right answers and the rows without a class. Products call their
// operands `fours` too, so that a dispatch that is joined of both has one array. Floats count up to 2^24 exactly.
var<workgroup> fours: array<vec4<f32>, 64>;

fn add_up(invocation: u32, of_rows: RowLoss) {
    if (invocation < 64u) {
        fours[invocation] = vec4(of_rows.loss, vec2<f32>(of_rows.correct), f32(of_rows.wrong));
    }
    workgroupBarrier();
    if (invocation == 0u) {
        var loss = of_rows.loss;
        var correct = of_rows.correct;
        var wrong = of_rows.wrong;
        for (var i = 1u; i < 64u; i++) {
            loss += fours[i].x;
            correct += vec2<u32>(fours[i].yz);
            wrong += u32(fours[i].w);
        }
        let bits = select(bitcast<u32>(loss), NOT_A_NUMBER, wrong > 0u);
        metrics[minibatch.step.number % SLOTS] = vec4(bits, correct, minibatch.step.images);
    }
}
