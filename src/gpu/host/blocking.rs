//! Waiting for a device on a thread of the host.

use std::future::Future;
use std::pin::pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use super::{Gpu, GpuEvent};

impl Gpu {
    /// Runs a future of this device to its end, and waits for the device where the future does. In a browser nothing may
    /// block, so callers await the future instead.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            let submission_index = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.tell(GpuEvent::Wait);
            self.poll_device(wgpu::PollType::Wait { submission_index, timeout: None });
            self.tell(GpuEvent::Waited);
        }
    }
}
