// An update under a loss scale. b = what loss_scale.wgsl decided: (factor of the gradient, factor of the rate, factor of
// epsilon, 1 if the update is taken, else 0).
fn clip_factor() -> f32 {
    return read_b(0u).x;
}

fn is_taken() -> bool {
    return read_b(0u).w > 0.0;
}

fn step_rate() -> f32 {
    return minibatch.step.rate * read_b(0u).y;
}

fn step_epsilon() -> f32 {
    return minibatch.step.epsilon * read_b(0u).z;
}
