// The gradients have no scale.
fn gradient_scale() -> f32 {
    return 1.0;
}
