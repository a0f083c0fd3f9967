//! What a device reports outside any call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::GpuError;
use crate::text::one_line;

/// The first error that a device reported. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Reported>>);

#[derive(Debug, Default)]
struct Reported {
    first: Option<GpuError>,
    is_lost: bool,
}

impl Failure {
    /// Listens to a device.
    pub fn of(device: &wgpu::Device) -> Self {
        let failure = Self::default();
        let sink = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            sink.note(match error {
                wgpu::Error::OutOfMemory { source } => GpuError::OutOfMemory(one_line(&source.to_string())),
                other => GpuError::Device(one_line(&other.to_string())),
            });
        }));
        let sink = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            let mut reported = sink.reported();
            reported.is_lost = true;
            reported.first.get_or_insert_with(|| lost(reason, &message));
        });
        failure
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an error if there is none yet, and returns the first.
    pub fn note(&self, error: GpuError) -> GpuError {
        self.reported().first.get_or_insert(error).clone()
    }

    /// The first error, if there is one.
    pub fn first(&self) -> Option<GpuError> {
        self.reported().first.clone()
    }

    /// The first error, if there is one. It is kept no longer, unless the device was lost.
    pub fn take(&self) -> Option<GpuError> {
        let mut reported = self.reported();
        let is_lost = reported.is_lost || matches!(reported.first, Some(GpuError::Lost(_)));
        if is_lost { reported.first.clone() } else { reported.first.take() }
    }
}

/// The reason why a device was lost.
fn lost(reason: wgpu::DeviceLostReason, message: &str) -> GpuError {
    match (reason, message) {
        (wgpu::DeviceLostReason::Destroyed, _) => GpuError::Lost("it was destroyed".into()),
        // wgpu gives up a device whose driver runs out of memory during a command.
        (_, "Out of memory") => GpuError::OutOfMemory("its driver says so".into()),
        _ => GpuError::Lost(format!("wgpu says `{}`", one_line(message))),
    }
}
