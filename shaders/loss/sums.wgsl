// The losses of all rows as one, in an order that does not depend on where they were computed: each of 64 invocations adds up
// the rows invocation, invocation + 64 and so on; add_up adds the invocations and writes the metrics of the step.
const NOT_A_NUMBER = 0x7fc00000u;

// What each invocation found, as floats. Products call their operands `fours` too, so that a dispatch that is joined of both has
// one array.
var<workgroup> fours: array<vec4<f32>, 64>;

fn add_up(invocation: u32, of_rows: vec4<f32>) {
    if (invocation < 64u) {
        fours[invocation] = of_rows;
    }
    workgroupBarrier();
    if (invocation == 0u) {
        var sum = of_rows;
        for (var i = 1u; i < 64u; i++) { sum += fours[i]; }
        let loss = select(bitcast<u32>(sum.x), NOT_A_NUMBER, sum.w > 0.0);
        metrics[minibatch.step.number % SLOTS] = vec4(loss, vec2<u32>(sum.yz), minibatch.step.images);
    }
}
