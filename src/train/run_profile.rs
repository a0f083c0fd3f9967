//! Where a run's time went.

use std::fmt;

use serde::Serialize;

use super::{AdapterConfig, PhaseTotal, Timeline, TrainError};
use crate::exec::{Executor, OnRound, Profile, Profiler, Subject};

/// What `profile.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunProfile {
    /// The adapter.
    pub adapter: AdapterConfig,
    /// Images of a minibatch.
    pub batch_size: usize,
    /// The loop of the matrix products.
    pub kernel: String,
    /// The schedule of a training step.
    pub training: Profile,
    /// The schedule of an evaluation step.
    pub evaluation: Profile,
    /// Phases of the run; some lie in others.
    pub phases: Vec<PhaseTotal>,
    /// Time of the epochs' training steps.
    pub epochs_milliseconds: f64,
    /// How long nothing was in flight while the trainer waited for the loader.
    pub device_waited_for_data_milliseconds: f64,
    /// The same as part of the epochs.
    pub device_waited_for_data_share: f64,
    /// Spans that the trace has no room for.
    pub spans_left_out: u64,
}

impl RunProfile {
    /// Measures the schedules of `executor` after the run that `timeline` followed. Its parameters are of no use
    /// afterwards.
    ///
    /// # Errors
    /// What the device reports.
    pub fn measure(executor: &Executor, timeline: &Timeline, on_round: OnRound<'_>) -> Result<Self, TrainError> {
        timeline.close();
        let gpu = executor.gpu();
        let clock = || timeline.now();
        let profiler = gpu.block_on(Profiler::new(gpu.clone(), &clock))?;
        let batch_size = executor.batch_size();
        let schedules = [("Training", executor.train_plan()), ("Evaluation", executor.infer_plan())];
        let mut profiles = Vec::new();
        for (index, (name, plan)) in schedules.into_iter().enumerate() {
            let title = format!("{name} step, {batch_size} images");
            let (graph, program) = (executor.graph(), executor.program());
            let subject = Subject { title: &title, graph, plan, program, index };
            profiles.push(gpu.block_on(profiler.profile(&subject, &mut *on_round))?);
        }
        let [training, evaluation] = [profiles.remove(0), profiles.remove(0)];
        let (starved, epochs) = (timeline.starved().as_secs_f64(), timeline.epochs().as_secs_f64());
        Ok(Self {
            adapter: AdapterConfig::new(gpu.info()),
            batch_size,
            kernel: executor.graph().target().micro_kernel.to_string(),
            training,
            evaluation,
            phases: timeline.totals(),
            epochs_milliseconds: epochs * 1e3,
            device_waited_for_data_milliseconds: starved * 1e3,
            device_waited_for_data_share: if epochs > 0.0 { starved / epochs } else { 0.0 },
            spans_left_out: timeline.left_out(),
        })
    }

    /// As JSON.
    ///
    /// # Errors
    /// Serialization fails only if the program is wrong: every value of this type can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// Both tables, then the phases.
impl fmt::Display for RunProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n", self.training, self.evaluation)?;
        writeln!(f, "{:<14} {:>8} {:>12} {:>10}", "phase", "times", "sum (ms)", "mean (us)")?;
        for PhaseTotal { phase, count, milliseconds } in &self.phases {
            let mean = 1e3 * milliseconds / (*count).max(1) as f64;
            writeln!(f, "{:<14} {count:>8} {milliseconds:>12.1} {mean:>10.1}", phase.name())?;
        }
        write!(
            f,
            "device waited for data: {:.1} ms, {:.2} % of the epochs",
            self.device_waited_for_data_milliseconds,
            100.0 * self.device_waited_for_data_share
        )
    }
}
