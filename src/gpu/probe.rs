//! Events of a device, for observers that note their times.

use std::fmt;
use std::sync::Arc;

/// A moment in the life of a [`Gpu`](super::Gpu).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuEvent {
    /// Commands begin to be recorded.
    Encode,
    /// Commands are recorded and about to be submitted.
    Submit,
    /// Commands were submitted. The number is that of the submission, counted from 0.
    Submitted(u64),
    /// The host begins to wait for the device.
    Wait,
    /// The host has stopped waiting.
    Waited,
    /// The host learns, while it waits or polls, that a submission has finished.
    Finished(u64),
}

/// A function that is called at every event, in the thread in which the event happens.
#[derive(Clone)]
pub(super) struct Probe(pub Arc<dyn Fn(GpuEvent) + Send + Sync>);

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
