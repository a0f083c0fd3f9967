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
    /// During a training step, the host waits because both staging buffers are in flight. The device is busy meanwhile, so
    /// this costs nothing.
    StagingWait,
    /// The host records commands.
    Encode,
    /// The host gives recorded commands to the driver.
    Submit,
    /// The host waits for metrics.
    Readback,
    /// The host waits for the device outside training steps.
    DeviceWait,
    /// A checkpoint is read from the device and written.
    Checkpoint,
    /// The network is evaluated on the validation or test images.
    Evaluation,
    /// The device works on a submission, as far as the host can tell.
    Device,
}

impl Phase {
    /// All phases.
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

    /// The name that tables print.
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

/// A phase with its beginning and end, as times since the timeline was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The phase.
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
    /// How often it was entered.
    pub count: u64,
    /// Time spent there in all.
    pub milliseconds: f64,
}
