// The factor of the gradient under a loss scale. h = state of the loss scale, which begins with the scale.
fn loss_scale() -> f32 {
    return minibatch.step.loss_scale * read_h(0u).x;
}
