//! Resolved dispatches, and the passes that they are encoded into.

use std::sync::Arc;

use crate::gpu::{FirstUse, ImageCopy, Pipeline};

/// A run of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub plan: usize,
    /// The first byte of its minibatch.
    pub minibatch: u32,
    /// Whether it makes what lasts until the parameters change.
    pub renews: bool,
}

/// What a bind group is told when it is set: the first byte of the buffer that its layout places so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DynamicOffset {
    /// The layout places none so.
    Unwanted,
    /// Another buffer takes the place of the minibatches.
    Zero,
    /// The first byte of the step's minibatch.
    OfMinibatch,
}

/// A resolved dispatch.
#[derive(Debug)]
pub(super) struct Command {
    pub pipeline: Arc<Pipeline>,
    pub bind_group: wgpu::BindGroup,
    pub grid: [u32; 3],
    pub offset: DynamicOffset,
    /// Whether what it makes lasts until the parameters change.
    pub lasts: bool,
    /// Images that hold copies of what it writes. They are made after it, outside of a pass.
    pub copies: Vec<ImageCopy>,
    /// The images that it binds, as in [`FirstUse`].
    pub images: Vec<(u32, [u32; 2])>,
}

impl Command {
    /// What its first dispatch needs from the driver.
    pub fn first_use(&self) -> FirstUse {
        FirstUse { pipeline: self.pipeline.clone(), images: self.images.clone() }
    }

    /// Dispatches it over the minibatch that begins at a byte of the minibatches' buffer.
    fn dispatch(&self, minibatch: u32, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(self.pipeline.get());
        match self.offset {
            DynamicOffset::Unwanted => pass.set_bind_group(0, &self.bind_group, &[]),
            DynamicOffset::Zero => pass.set_bind_group(0, &self.bind_group, &[0]),
            DynamicOffset::OfMinibatch => pass.set_bind_group(0, &self.bind_group, &[minibatch]),
        }
        pass.dispatch_workgroups(self.grid[0], self.grid[1], self.grid[2]);
    }

    fn copy(&self, encoder: &mut wgpu::CommandEncoder) {
        self.copies.iter().for_each(|copy| copy.encode(encoder));
    }
}

/// Encodes commands with a timestamp before the first and one behind the last.
pub(super) fn encode_timed<'a>(
    commands: impl Iterator<Item = &'a Command> + Clone,
    writes: wgpu::ComputePassTimestampWrites<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    if commands.clone().all(|command| command.copies.is_empty()) {
        let mut pass = begin_pass(encoder, Some(writes));
        commands.for_each(|command| command.dispatch(0, &mut pass));
        return;
    }
    let (begin, end) = (
        wgpu::ComputePassTimestampWrites { end_of_pass_write_index: None, ..writes.clone() },
        wgpu::ComputePassTimestampWrites { beginning_of_pass_write_index: None, ..writes.clone() },
    );
    drop(begin_pass(encoder, Some(begin)));
    encode(commands.map(|command| (command, 0)), encoder);
    drop(begin_pass(encoder, Some(end)));
}

/// Encodes commands, each with the first byte of its minibatch. They share a pass up to one that is followed by copies.
pub(super) fn encode<'a>(commands: impl IntoIterator<Item = (&'a Command, u32)>, encoder: &mut wgpu::CommandEncoder) {
    let mut commands = commands.into_iter().peekable();
    while commands.peek().is_some() {
        let mut pass = begin_pass(encoder, None);
        let mut last = None;
        for (command, minibatch) in commands.by_ref() {
            command.dispatch(minibatch, &mut pass);
            last = Some(command);
            if !command.copies.is_empty() {
                break;
            }
        }
        drop(pass);
        if let Some(command) = last {
            command.copy(encoder);
        }
    }
}

fn begin_pass<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePass<'e> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
}
