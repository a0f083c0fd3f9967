// The factor of the gradients under a loss scale. h = state of the loss scale, which begins with the scale.
fn gradient_scale() -> f32 {
    return read_h(0u).x;
}
