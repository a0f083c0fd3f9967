//! Times from the device's own clock.

use super::{Gpu, GpuError};

/// Pairs of timestamps, taken by the device before and after a pass.
#[derive(Debug)]
pub struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Seconds of a tick.
    period: f64,
}

impl Timestamps {
    /// Pairs that one set of queries holds.
    pub const MAX_PAIRS: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;

    /// Room for `pairs` pairs; none if the adapter has no timestamps or they do not fit.
    pub fn new(gpu: &Gpu, pairs: usize) -> Option<Self> {
        let fits = (1..=Self::MAX_PAIRS).contains(&pairs);
        if !fits || !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let count = 2 * pairs as u32;
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = gpu.create_buffer("timestamps", u64::from(count) * 8, usage, false);
        Some(Self { queries, resolved, period: gpu.timestamp_period() })
    }

    /// Makes a pass write pair `pair` at its begin and end.
    pub fn around(&self, pair: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * pair as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Submits what `encoder` holds, waits for it, and returns begin and end of the first `pairs` pairs, in seconds of the
    /// device's clock.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit(
        &self,
        gpu: &Gpu,
        mut encoder: wgpu::CommandEncoder,
        pairs: usize,
    ) -> Result<Vec<[f64; 2]>, GpuError> {
        let bytes = pairs as u64 * 16;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let copy = gpu.create_buffer("timestamps for the host", bytes, usage, false);
        encoder.resolve_query_set(&self.queries, 0..2 * pairs as u32, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &copy, 0, bytes);
        gpu.await_submission(Some(gpu.submit(encoder)));
        gpu.map(&copy, wgpu::MapMode::Read).await?;
        let range = copy.get_mapped_range(..).map_err(|error| gpu.failure(&error))?;
        let ticks: Vec<[u64; 2]> = bytemuck::pod_collect_to_vec(&range);
        Ok(ticks.into_iter().map(|pair| pair.map(|tick| tick as f64 * self.period)).collect())
    }
}
