// Gradients are not clipped.
fn clip_factor() -> f32 {
    return 1.0;
}
