// Computes the logits of a dense layer: logits = x w + b. a = x [ROWS, FEATURES], b = w, with the bias from float
// BIAS_FIRST on.
// f = dx in training, or the logits in inference. If GATED, x is a relu's output, and dx is the gradient before it.
override FEATURES: u32;
override BIAS_FIRST: u32;
override GATED: bool;

// The logits of a row, later their gradient: at most 64 classes.
var<private> row_logits: array<vec4<f32>, 16>;

fn begin_row(row: u32) {
    for (var q = 0u; q < STRIDE / 4u; q++) { row_logits[q] = read_b(BIAS_FIRST + q * 4u); }
    for (var k = 0u; k < FEATURES; k += 4u) {
        let x = read_a(row * FEATURES + k);
        for (var q = 0u; q < STRIDE / 4u; q++) {
            let w = k * STRIDE + q * 4u;
            row_logits[q] = row_logits[q] + x.x * read_b(w) + x.y * read_b(w + STRIDE) + x.z * read_b(w + 2u * STRIDE) + x.w * read_b(w + 3u * STRIDE);
        }
    }
    if (!GRADIENT) {
        for (var q = 0u; q < STRIDE / 4u; q++) { write_f(row * STRIDE + q * 4u, row_logits[q]); }
    }
}

fn logits_at(row: u32, j: u32) -> vec4<f32> {
    return row_logits[j / 4u];
}

// An index that is known only at run time would put the array into memory, so this looks at all of it.
fn logit_at(row: u32, label: u32) -> f32 {
    var logit = 0.0;
    for (var q = 0u; q < STRIDE / 4u; q++) {
        let logits = row_logits[q];
        if (q == label / 4u) { logit = logits[label % 4u]; }
    }
    return logit;
}

fn put_gradient(row: u32, j: u32, dlogits: vec4<f32>) {
    row_logits[j / 4u] = dlogits;
    write_c(row * STRIDE + j, dlogits);
}

fn end_row(row: u32) {
    for (var k = 0u; k < FEATURES; k += 4u) {
        var dx = vec4<f32>();
        for (var q = 0u; q < STRIDE / 4u; q++) {
            let w = k * STRIDE + q * 4u;
            let dy = row_logits[q];
            dx += vec4(dot(read_b(w), dy), dot(read_b(w + STRIDE), dy), dot(read_b(w + 2u * STRIDE), dy), dot(read_b(w + 3u * STRIDE), dy));
        }
        if (GATED) { dx = select(vec4<f32>(), dx, read_a(row * FEATURES + k) > vec4<f32>()); }
        write_f(row * FEATURES + k, dx);
    }
}
