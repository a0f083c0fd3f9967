//! What a run spends its time on.

use std::time::Duration;

use serde::Serialize;

/// What takes time during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The training steps of an epoch.
    Epoch,
    /// The trainer waits for the loader.
    LoadWait,
    /// The host fills, encodes and submits a training step.
    TrainStep,
    /// In it: every staging slot is in flight. The device is busy, so this costs nothing.
    StagingWait,
    /// Commands are recorded.
    Encode,
    /// They are given to the driver.
    Submit,
    /// The host waits for metrics.
    Readback,
    /// Outside training steps: the host waits for the device.
    DeviceWait,
    /// A checkpoint is read from the device and written.
    Checkpoint,
    /// The test set is evaluated.
    Evaluation,
    /// The device works on a submission, as far as the host can tell.
    Device,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Epoch,
        Self::LoadWait,
        Self::TrainStep,
        Self::StagingWait,
        Self::Encode,
        Self::Submit,
        Self::Readback,
        Self::DeviceWait,
        Self::Checkpoint,
        Self::Evaluation,
        Self::Device,
    ];

    /// Its name in print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::LoadWait => "load wait",
            Self::TrainStep => "train step",
            Self::StagingWait => "staging wait",
            Self::Encode => "encode",
            Self::Submit => "submit",
            Self::Readback => "readback",
            Self::DeviceWait => "device wait",
            Self::Checkpoint => "checkpoint",
            Self::Evaluation => "evaluation",
            Self::Device => "submission",
        }
    }
}

/// A phase with its begin and end, from the timeline's begin on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it is.
    pub phase: Phase,
    /// When it began.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
}

/// How often a phase was entered, and the time spent there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PhaseTotal {
    /// The phase.
    pub phase: Phase,
    /// How often.
    pub count: u64,
    /// How long in all.
    pub milliseconds: f64,
}
