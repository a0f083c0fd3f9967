//! Resolved dispatches, and the passes that they are encoded into.

use std::sync::Arc;

use crate::gpu::{FirstUse, ImageCopy, Pipeline};

/// A resolved dispatch.
#[derive(Debug)]
pub(super) struct Command {
    pub pipeline: Arc<Pipeline>,
    pub bind_group: wgpu::BindGroup,
    pub grid: [u32; 3],
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

    fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(self.pipeline.get());
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], self.grid[2]);
    }

    fn copy(&self, encoder: &mut wgpu::CommandEncoder) {
        self.copies.iter().for_each(|copy| copy.encode(encoder));
    }

    /// Encodes it with a timestamp before it and one behind it.
    pub fn encode_timed(&self, writes: wgpu::ComputePassTimestampWrites<'_>, encoder: &mut wgpu::CommandEncoder) {
        let (begin, end) = (
            wgpu::ComputePassTimestampWrites { end_of_pass_write_index: None, ..writes.clone() },
            wgpu::ComputePassTimestampWrites { beginning_of_pass_write_index: None, ..writes.clone() },
        );
        if self.copies.is_empty() {
            self.dispatch(&mut begin_pass(encoder, Some(writes)));
            return;
        }
        self.dispatch(&mut begin_pass(encoder, Some(begin)));
        self.copy(encoder);
        drop(begin_pass(encoder, Some(end)));
    }
}

/// Encodes commands. They share a pass up to one that is followed by copies.
pub(super) fn encode<'a>(commands: impl IntoIterator<Item = &'a Command>, encoder: &mut wgpu::CommandEncoder) {
    let mut commands = commands.into_iter().peekable();
    while commands.peek().is_some() {
        let mut pass = begin_pass(encoder, None);
        let mut last = None;
        for command in commands.by_ref() {
            command.dispatch(&mut pass);
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
