// Computes the logits of a dense layer: logits = x w + b, each row by 64 invocations of a workgroup. a = x [ROWS, FEATURES],
// b = w, with the bias from float BIAS_FIRST on.
// f = dx in training, or the logits in inference. If GATED, x is a relu's output, and dx is the gradient before it.
override FEATURES: u32;
override BIAS_FIRST: u32;
override GATED: bool;

// Fours of logits, at most 16.
fn quads() -> u32 {
    return STRIDE / 4u;
}

// Invocations that share the sum of a four.
fn groups() -> u32 {
    return 64u / quads();
}

var<workgroup> parts: array<vec4<f32>, 64>;
var<workgroup> row_logits: array<vec4<f32>, 16>;
var<workgroup> row_gradient: array<vec4<f32>, 16>;

fn begin_row(row: u32) {
    let q = own_invocation % quads();
    let group = own_invocation / quads();
    var sum = vec4<f32>();
    for (var k = group * 4u; k < FEATURES && group < groups(); k += groups() * 4u) {
        let x = read_a(row * FEATURES + k);
        let w = k * STRIDE + q * 4u;
        sum = sum + x.x * read_b(w) + x.y * read_b(w + STRIDE) + x.z * read_b(w + 2u * STRIDE) + x.w * read_b(w + 3u * STRIDE);
    }
    if (own_invocation < 64u) { parts[own_invocation] = sum; }
    workgroupBarrier();
    if (own_invocation < quads()) {
        var logits = read_b(BIAS_FIRST + q * 4u);
        for (var other = 0u; other < groups(); other++) { logits += parts[other * quads() + q]; }
        row_logits[q] = logits;
        if (!GRADIENT) { write_f(row * STRIDE + q * 4u, logits); }
    }
    workgroupBarrier();
}

fn logits_at(row: u32, j: u32) -> vec4<f32> {
    return row_logits[j / 4u];
}

fn logit_at(row: u32, label: u32) -> f32 {
    return row_logits[label / 4u][label % 4u];
}

fn put_gradient(row: u32, j: u32, dlogits: vec4<f32>) {
    if (own_invocation == j / 4u) {
        row_gradient[j / 4u] = dlogits;
        write_c(row * STRIDE + j, dlogits);
    }
}

fn end_row(row: u32) {
    workgroupBarrier();
    for (var k = select(FEATURES, own_invocation * 4u, own_invocation < 64u); k < FEATURES; k += 256u) {
        var dx = vec4<f32>();
        for (var q = 0u; q < quads(); q++) {
            let w = k * STRIDE + q * 4u;
            let dy = row_gradient[q];
            dx += vec4(dot(read_b(w), dy), dot(read_b(w + STRIDE), dy), dot(read_b(w + 2u * STRIDE), dy), dot(read_b(w + 3u * STRIDE), dy));
        }
        if (GATED) { dx = select(vec4<f32>(), dx, read_a(row * FEATURES + k) > vec4<f32>()); }
        write_f(row * FEATURES + k, dx);
    }
}
