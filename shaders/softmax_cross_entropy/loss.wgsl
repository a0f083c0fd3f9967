// loss = mean over the rows of logsumexp(logits) - logits[label]; dlogits = (softmax(logits) - onehot(label)) / rows.
// One workgroup takes the whole batch, so that the sums have one order. Rows past the minibatch's length count nothing
// and get a gradient of zero. a = logits [ROWS, CLASSES], c = dlogits.
@group(0) @binding(1) var<storage, read> minibatch: array<u32>; // [step, length, ...], labels from word LABELS
@group(0) @binding(3) var<storage, read_write> metrics: array<vec4<u32>>; // a slot a step: loss, correct, length, step
override ROWS: u32;
override CLASSES: u32;
override LABELS: u32;
override SLOTS: u32;

var<workgroup> losses: array<f32, 64>;
var<workgroup> corrects: array<u32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    let step = minibatch[0];
    let length = minibatch[1];
    var loss = 0.0;
    var correct = 0u;
    for (var row = invocation; row < ROWS; row += 64u) {
        let label = minibatch[LABELS + row];
        var largest = read_a1(row * CLASSES);
        var place = 0u;
        for (var j = 1u; j < CLASSES; j++) {
            let logit = read_a1(row * CLASSES + j);
            if (logit > largest) {
                largest = logit;
                place = j;
            }
        }
        var sum = 0.0;
        for (var j = 0u; j < CLASSES; j++) { sum += exp(read_a1(row * CLASSES + j) - largest); }
        if (row < length) {
            loss += log(sum) - (read_a1(row * CLASSES + label) - largest);
            correct += u32(place == label);
        }
        if (GRADIENT) {
            let scale = select(0.0, 1.0 / f32(length), row < length);
            for (var j = 0u; j < CLASSES; j++) {
                let softmax = exp(read_a1(row * CLASSES + j) - largest) / sum;
                write_c1(row * CLASSES + j, (softmax - f32(j == label)) * scale);
            }
        }
    }
    losses[invocation] = loss;
    corrects[invocation] = correct;
    workgroupBarrier();
    if (invocation == 0u) {
        for (var i = 1u; i < 64u; i++) {
            loss += losses[i];
            correct += corrects[i];
        }
        metrics[step % SLOTS] = vec4(bitcast<u32>(loss), correct, length, step);
    }
}
