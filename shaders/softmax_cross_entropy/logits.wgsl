// Logits that another kernel computed. a = logits.
fn begin_row(row: u32) {}

fn logits_at(row: u32, j: u32) -> vec4<f32> {
    return read_a(row * STRIDE + j);
}

fn logit_at(row: u32, label: u32) -> f32 {
    return logits_at(row, label / 4u * 4u)[label % 4u];
}

fn put_gradient(row: u32, j: u32, dlogits: vec4<f32>) {
    if (stores(j / 4u)) { write_c(row * STRIDE + j, dlogits); }
}

fn end_row(row: u32) {}
