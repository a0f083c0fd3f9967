//! What a device is told to do, for those who want to know when.

use std::fmt;
use std::sync::Arc;

/// A moment in the life of a [`Gpu`](super::Gpu).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuEvent {
    /// Commands begin to be recorded.
    Encode,
    /// They are recorded, and about to be submitted.
    Submit,
    /// They were submitted, as this submission; counted from 0.
    Submitted(u64),
    /// The host begins to wait for the device.
    Wait,
    /// It waits no more.
    Waited,
    /// The host learns that a submission has finished: while it waits, or when it polls.
    Finished(u64),
}

/// Is called at every event, in whatever thread it happens.
#[derive(Clone)]
pub(super) struct Probe(pub Arc<dyn Fn(GpuEvent) + Send + Sync>);

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
