//! Memory on the device: buffers and images of floats.

use std::sync::{Mutex, PoisonError};

use super::image::{IMAGE_WIDTH, image_format, image_rows, row_bytes, texel_bytes};
use super::{Gpu, GpuError};
use crate::kernel::Storage;

/// The memory of tensors. A buffer and an image hold the same bytes in the same order.
#[derive(Clone, Debug)]
pub enum Memory {
    /// A storage buffer.
    Buffer(wgpu::Buffer),
    /// A storage image of four floats a texel, of 32 or 16 bits.
    Image(wgpu::Texture),
    /// A storage buffer, and storage images whose memory is the first part of it: see [`Gpu::shares_memory`].
    Shared(wgpu::Buffer, Vec<wgpu::Texture>),
}

/// Most bytes of a buffer or image, and the name of the limit that they come from. The host reads an image through a buffer.
pub fn most_bytes(limits: &wgpu::Limits, storage: Storage) -> (u64, &'static str) {
    let buffer = (limits.max_buffer_size, "max_buffer_size");
    match storage {
        Storage::Images | Storage::HalfImages => {
            let rows = u64::from(limits.max_texture_dimension_2d);
            (rows * row_bytes(image_format(storage)), "max_texture_dimension_2d").min(buffer)
        }
        Storage::Buffers => buffer,
    }
}

/// Most bytes of a buffer that a shader reaches through one binding, and the name of the limit that they come from.
pub fn most_binding_bytes(limits: &wgpu::Limits) -> (u64, &'static str) {
    let binding = (limits.max_storage_buffer_binding_size, "max_storage_buffer_binding_size");
    binding.min((limits.max_buffer_size, "max_buffer_size"))
}

/// A buffer through which the host reads tensors. It is made once, and replaced by a larger one if a read needs that.
#[derive(Debug)]
pub struct HostCopy {
    bytes: u64,
    /// Absent during a read.
    buffer: Mutex<Option<wgpu::Buffer>>,
}

impl HostCopy {
    /// Room for `bytes`.
    pub fn new(gpu: &Gpu, bytes: u64) -> Self {
        Self { bytes, buffer: Mutex::new(Some(Self::create(gpu, bytes))) }
    }

    fn create(gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        gpu.create_buffer("copy for the host", bytes.max(16), usage, false)
    }

    /// Bytes that it was made with.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn take(&self, gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
        let kept = self.buffer.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.filter(|buffer| buffer.size() >= bytes).unwrap_or_else(|| Self::create(gpu, bytes))
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = Some(buffer);
    }
}

impl Gpu {
    /// Allocates memory for shaders and copies.
    ///
    /// # Errors
    /// More bytes than a buffer or an image may have, or what the device reports.
    pub fn allocate(&self, label: &str, bytes: u64, storage: Storage) -> Result<Memory, GpuError> {
        let (limit, name) = most_bytes(&self.limits(), storage);
        if bytes > limit {
            return Err(GpuError::TooLarge { what: label.into(), needed: bytes, unit: "bytes", limit, name });
        }
        Ok(match storage {
            Storage::Buffers => {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
                Memory::Buffer(self.create_buffer(label, bytes.max(16), usage, false))
            }
            Storage::Images | Storage::HalfImages => {
                let rows = image_rows(&self.limits(), bytes.div_ceil(row_bytes(image_format(storage))));
                Memory::Image(self.create_image(label, storage, [IMAGE_WIDTH, rows]))
            }
        })
    }
}

impl Memory {
    /// The buffer, if it is one.
    pub(crate) fn buffer(&self) -> Option<&wgpu::Buffer> {
        match self {
            Self::Buffer(buffer) | Self::Shared(buffer, _) => Some(buffer),
            Self::Image(_) => None,
        }
    }

    /// The image, if it is nothing else, or if it is a buffer too and `storage` asks for an image.
    pub(crate) fn image(&self, storage: Storage) -> Option<&wgpu::Texture> {
        match self {
            Self::Image(image) => Some(image),
            Self::Shared(_, images) if storage.is_image() => {
                images.iter().find(|image| image.format() == image_format(storage))
            }
            Self::Shared(..) | Self::Buffer(_) => None,
        }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Buffer(buffer) | Self::Shared(buffer, _) => buffer.size(),
            Self::Image(image) => u64::from(image.height()) * row_bytes(image.format()),
        }
    }

    /// Overwrites words from byte `offset` on, which begins a texel; an image gets whole texels. Meant for set-up: steps stage
    /// their data.
    pub fn write(&self, gpu: &Gpu, offset: u64, values: &[f32]) {
        match self {
            Self::Buffer(buffer) | Self::Shared(buffer, _) => gpu.write(buffer, offset, bytemuck::cast_slice(values)),
            Self::Image(image) => {
                let words = texel_bytes(image.format()) as usize / 4;
                let mut texels = values.to_vec();
                texels.resize(values.len().next_multiple_of(words), 0.0);
                let (mut rest, mut next) = (&texels[..], (offset / texel_bytes(image.format())) as u32);
                // Row by row, because the first and the last may be parts.
                while !rest.is_empty() {
                    let room = (IMAGE_WIDTH - next % IMAGE_WIDTH) as usize * words;
                    let (row, others) = rest.split_at(room.min(rest.len()));
                    gpu.write_texels(image, [next % IMAGE_WIDTH, next / IMAGE_WIDTH], row);
                    next += (row.len() / words) as u32;
                    rest = others;
                }
            }
        }
    }

    /// Bytes of a buffer that [`Self::encode_copy`] needs.
    pub fn copied_bytes(&self, offset: u64, bytes: u64) -> u64 {
        match self {
            Self::Buffer(_) | Self::Shared(..) => bytes,
            // An image is copied by whole rows.
            Self::Image(image) => {
                let row = row_bytes(image.format());
                ((offset + bytes).div_ceil(row) - offset / row) * row
            }
        }
    }

    /// Where the copy of byte `offset` begins in a buffer that [`Self::encode_copy`] fills.
    pub fn first_copied_byte(&self, offset: u64) -> u64 {
        match self {
            Self::Buffer(_) | Self::Shared(..) => 0,
            Self::Image(image) => offset % row_bytes(image.format()),
        }
    }

    /// Encodes a copy of `bytes` from byte `offset` on to `buffer`. Returns the first byte of the copy there.
    pub fn encode_copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        offset: u64,
        bytes: u64,
        buffer: &wgpu::Buffer,
    ) -> u64 {
        match self {
            Self::Buffer(source) | Self::Shared(source, _) => {
                encoder.copy_buffer_to_buffer(source, offset, buffer, 0, bytes);
            }
            Self::Image(image) => {
                let row = row_bytes(image.format());
                let first = offset / row;
                let height = (self.copied_bytes(offset, bytes) / row) as u32;
                let origin = wgpu::Origin3d { x: 0, y: first as u32, z: 0 };
                encoder.copy_texture_to_buffer(
                    wgpu::TexelCopyTextureInfo { origin, ..image.as_image_copy() },
                    wgpu::TexelCopyBufferInfo {
                        buffer,
                        layout: wgpu::TexelCopyBufferLayout {
                            offset: 0,
                            bytes_per_row: Some(row as u32),
                            rows_per_image: None,
                        },
                    },
                    wgpu::Extent3d { width: IMAGE_WIDTH, height, depth_or_array_layers: 1 },
                );
            }
        }
        self.first_copied_byte(offset)
    }

    /// Copies `bytes` from byte `offset` on to the host, through `copy`.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read(&self, gpu: &Gpu, copy: &HostCopy, offset: u64, bytes: u64) -> Result<Vec<f32>, GpuError> {
        let mut encoder = gpu.encoder();
        let buffer = copy.take(gpu, self.copied_bytes(offset, bytes));
        let start = self.encode_copy(&mut encoder, offset, bytes, &buffer);
        gpu.await_submission(Some(gpu.submit(encoder)));
        gpu.map(&buffer, wgpu::MapMode::Read).await?;
        let range = buffer.get_mapped_range(start..start + bytes).map_err(|error| gpu.failure(&error))?;
        let values = bytemuck::pod_collect_to_vec(&range);
        drop(range);
        buffer.unmap();
        copy.give_back(buffer);
        // A lost device leaves arbitrary bytes there.
        gpu.check()?;
        Ok(values)
    }
}
