//! The numbers that dispatches read at run time.

use std::collections::HashMap;

use crate::gpu::Gpu;

/// The uniforms of all dispatches, in one buffer.
#[derive(Debug)]
pub(super) struct Numbers {
    buffer: wgpu::Buffer,
    /// First byte of each uniform, by its words.
    places: HashMap<Vec<u32>, u64>,
}

impl Numbers {
    /// Room for these uniforms. Equal ones are kept once.
    pub fn new(gpu: &Gpu, uniforms: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let alignment = gpu.limits().min_uniform_buffer_offset_alignment as usize / 4;
        let (mut places, mut words) = (HashMap::new(), Vec::new());
        for uniform in uniforms {
            if !uniform.is_empty() && !places.contains_key(&uniform) {
                words.resize(words.len().next_multiple_of(alignment), 0);
                let first = words.len() as u64 * 4;
                words.extend_from_slice(&uniform);
                places.insert(uniform, first);
            }
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.create_buffer("numbers of dispatches", (words.len() as u64 * 4).max(4), usage, false);
        gpu.write(&buffer, 0, bytemuck::cast_slice(&words));
        Self { buffer, places }
    }

    /// Bytes of the buffer.
    pub fn bytes(&self) -> u64 {
        self.buffer.size()
    }

    /// What a dispatch binds for these words; nothing where there are none.
    pub fn binding(&self, words: &[u32]) -> Option<wgpu::BindingResource<'_>> {
        let offset = *self.places.get(words)?;
        let size = std::num::NonZeroU64::new(words.len() as u64 * 4);
        Some(wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &self.buffer, offset, size }))
    }
}
