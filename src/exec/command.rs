//! Resolved dispatches, and the passes that they are encoded into.

/// A resolved dispatch.
#[derive(Debug)]
pub(super) struct Command {
    pub pipeline: wgpu::ComputePipeline,
    pub bind_group: wgpu::BindGroup,
    pub grid: [u32; 3],
}

impl Command {
    /// Adds it to a pass.
    pub fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], self.grid[2]);
    }
}

/// Encodes commands into a pass.
pub(super) fn encode<'a>(commands: impl IntoIterator<Item = &'a Command>, encoder: &mut wgpu::CommandEncoder) {
    let mut pass = begin_pass(encoder, None);
    for command in commands {
        command.dispatch(&mut pass);
    }
}

/// Begins a pass, with timestamps around it where they are given.
pub(super) fn begin_pass<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePass<'e> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
}
