// The factor of the gradient: that of a mean.
fn loss_scale() -> f32 {
    return minibatch.step.loss_scale;
}
