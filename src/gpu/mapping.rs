//! Buffers that are being mapped.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

use super::{Gpu, GpuError};

/// A buffer that is being mapped.
#[derive(Debug)]
pub struct Mapping(OneshotReceiver<Result<(), String>>);

impl Mapping {
    pub(super) fn start(buffer: &wgpu::Buffer, mode: wgpu::MapMode) -> Self {
        let (sender, receiver) = oneshot_channel();
        buffer.map_async(mode, .., move |result| {
            // The receiver is gone only when nobody waits any more.
            let _ = sender.send(result.map_err(|error| error.to_string()));
        });
        Self(receiver)
    }

    /// Resolves when the buffer is mapped.
    ///
    /// # Errors
    /// The error that the device reported, or that mapping failed.
    pub async fn wait(self, gpu: &Gpu) -> Result<(), GpuError> {
        let mut received = pin!(self.0.receive());
        let answer = poll_fn(|context| match received.as_mut().poll(context) {
            // A device that failed may never answer.
            Poll::Pending if gpu.check().is_err() => Poll::Ready(None),
            answer => answer,
        });
        Self::outcome(gpu, answer.await)
    }

    /// Whether the buffer is mapped by now. After it has returned true it must not be called again.
    ///
    /// # Errors
    /// Those of [`Mapping::wait`].
    pub fn is_mapped(&self, gpu: &Gpu) -> Result<bool, GpuError> {
        match pin!(self.0.receive()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Self::outcome(gpu, result).map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    fn outcome(gpu: &Gpu, result: Option<Result<(), String>>) -> Result<(), GpuError> {
        match result {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(gpu.note(GpuError::Lost(reason))),
            None => Err(gpu.note(GpuError::Lost("a buffer was not mapped".into()))),
        }
    }
}
