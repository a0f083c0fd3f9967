// loss = mean over the rows of logsumexp(logits) - dot(target, logits); dlogits = (softmax(logits) - target) / rows.
// target = (1 - SMOOTHING) onehot(label) + SMOOTHING / CLASSES.
// c = dlogits [ROWS, CLASSES], STRIDE floats a row; another file says where the logits come from and what happens to their
// gradient.
override CLASSES: u32;

const LOWEST = -3.4028234e38;

// Four logits from class j on. Past the last class, it is the lowest float.
fn logits_of(row: u32, j: u32) -> vec4<f32> {
    return select(vec4(LOWEST), logits_at(row, j), vec4(j) + vec4(0u, 1u, 2u, 3u) < vec4(CLASSES));
}

fn loss_of(row: u32) -> RowLoss {
    let length = minibatch.step.images;
    var found = RowLoss();
    let label = label_of(row, CLASSES);
    found.wrong = u32(has_no_class(row, CLASSES));
    begin_row(row);
    let of_label = logit_at(row, label);
    var largest = LOWEST;
    // Classes before the label: of a larger logit, or of an equal one and an earlier place.
    var before = vec4<u32>();
    for (var j = 0u; j < CLASSES; j += 4u) {
        let logits = logits_of(row, j);
        largest = max(largest, max(max(logits.x, logits.y), max(logits.z, logits.w)));
        let earlier = vec4(j) + vec4(0u, 1u, 2u, 3u) < vec4(label);
        before += vec4<u32>((logits > vec4(of_label)) | ((logits == vec4(of_label)) & earlier));
    }
    var sum = 0.0;
    for (var j = 0u; j < CLASSES; j += 4u) {
        // Past the last class this adds exp(-large), which is 0.
        let e = exp(logits_of(row, j) - largest);
        sum += e.x + e.y + e.z + e.w;
    }
    if (row < length) {
        var aim = (1.0 - SMOOTHING) * (of_label - largest);
        if (SMOOTHING > 0.0) {
            for (var j = 0u; j < CLASSES; j += 4u) {
                let inside = vec4(j) + vec4(0u, 1u, 2u, 3u) < vec4(CLASSES);
                aim += SMOOTHING / f32(CLASSES) * dot(select(vec4<f32>(), logits_of(row, j) - largest, inside), vec4(1.0));
            }
        }
        found.loss = log(sum) - aim;
        found.correct = places_of(before);
    }
    if (GRADIENT) {
        let scale = select(0.0, loss_scale(), row < length);
        for (var j = 0u; j < CLASSES; j += 4u) {
            let softmax = exp(logits_of(row, j) - largest) / sum;
            let onehot = vec4<f32>(vec4(j) + vec4(0u, 1u, 2u, 3u) == vec4(label));
            let dlogits = (softmax - (1.0 - SMOOTHING) * onehot - SMOOTHING / f32(CLASSES)) * scale;
            put_gradient(row, j, select(vec4<f32>(), dlogits, vec4(j) + vec4(0u, 1u, 2u, 3u) < vec4(CLASSES)));
        }
        end_row(row);
    }
    return found;
}
