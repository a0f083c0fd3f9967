// An update without a loss scale: each is taken, and the host has corrected its numbers.
fn is_taken() -> bool {
    return true;
}

fn step_rate() -> f32 {
    return minibatch.step.rate;
}

fn step_epsilon() -> f32 {
    return minibatch.step.epsilon;
}
