// Binary cross-entropy of UNITS sigmoid units against one label an image.
// loss = mean over rows and units of max(z, 0) - z t + log(1 + exp(-|z|)); dlogits = (sigmoid(z) - t) / (rows * units).
// t = (1 - SMOOTHING) onehot(label) + SMOOTHING / 2. One unit stands for the second of two classes, several stand for a
// class each.
// a = logits, c = dlogits, both [ROWS, UNITS] with STRIDE floats a row.
override UNITS: u32;

// log(1 + x) from 0 to 1. Below 1/32 it is the first four terms of the series, since 1 + x would lose the digits of x.
fn log_of_one_plus(x: vec4<f32>) -> vec4<f32> {
    let series = x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25)));
    return select(log(1.0 + x), series, x < vec4(0.03125));
}

fn loss_of(row: u32) -> RowLoss {
    let length = minibatch.step.images;
    // The class that the first unit stands for.
    let first = select(0u, 1u, UNITS == 1u);
    let classes = UNITS + first;
    var found = RowLoss();
    let label = label_of(row, classes);
    found.wrong = u32(has_no_class(row, classes));
    // The first of two classes has no unit; its logit is 0.
    let unit = max(label, first) - first;
    let of_label = select(read_a(row * STRIDE + unit / 4u * 4u)[unit % 4u], 0.0, label < first);
    let scale = select(0.0, loss_scale() / f32(UNITS), row < length);
    // Classes before the label: of a larger logit, or of an equal one and an earlier place.
    var before = vec4<u32>();
    var sum = vec4<f32>();
    for (var j = 0u; j < UNITS; j += 4u) {
        let place = vec4(j) + vec4(0u, 1u, 2u, 3u);
        let inside = place < vec4(UNITS);
        let z = read_a(row * STRIDE + j);
        let t = (1.0 - SMOOTHING) * vec4<f32>(place + first == vec4(label)) + 0.5 * SMOOTHING;
        let e = exp(-abs(z));
        sum += select(vec4<f32>(), max(z, vec4<f32>()) - z * t + log_of_one_plus(e), inside);
        before += vec4<u32>(inside & ((z > vec4(of_label)) | ((z == vec4(of_label)) & (place + first < vec4(label)))));
        if (GRADIENT) {
            // For z >= 0 the sigmoid is 1 - rest, and 1 - t is exact, so that no digits of a small gradient are lost.
            let rest = e / (1.0 + e);
            let error = select(rest - t, (1.0 - t) - rest, z >= vec4<f32>());
            if (stores(j / 4u)) { write_c(row * STRIDE + j, select(vec4<f32>(), error * scale, inside)); }
        }
    }
    before.x += u32(first == 1u && label == 1u && of_label <= 0.0);
    if (row < length) {
        found.loss = (sum.x + sum.y + sum.z + sum.w) / f32(UNITS);
        found.correct = places_of(before);
    }
    return found;
}
