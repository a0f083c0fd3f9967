//! Chooses how many steps go into one submission, by the time that a step takes.

use std::time::Instant;

use crate::exec::Executor;

/// The longest time that a submission should take, in seconds. Some systems reset a device that is busy for two
/// seconds.
const SUBMISSION_SECONDS: f64 = 0.1;

/// The number of steps before the timed ones, and of the timed ones.
const STEPS: usize = 16;

/// Times a few steps, submitted one by one, and then submits as many together as are done in a tenth of a second.
#[derive(Debug)]
pub(super) struct SubmitPace {
    steps: usize,
    begin: Instant,
}

impl SubmitPace {
    pub fn new(executor: &mut Executor) -> Self {
        executor.set_steps_per_submit(1);
        Self { steps: 0, begin: Instant::now() }
    }

    /// Must be called after every step.
    pub fn step(&mut self, executor: &mut Executor) {
        self.steps += 1;
        if self.steps == STEPS {
            self.begin = Instant::now();
        } else if self.steps == 2 * STEPS {
            let seconds = self.begin.elapsed().as_secs_f64() / STEPS as f64;
            executor.set_steps_per_submit((SUBMISSION_SECONDS / seconds) as usize);
        }
    }
}
