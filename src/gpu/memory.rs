//! Floats on the device: a buffer, or an image.

use super::{Gpu, GpuError};
use crate::kernel::Storage;

/// Texels in a row of an image; the shaders of `shaders/access` know it too.
const IMAGE_WIDTH: u32 = 1024;

/// Bytes in a row of an image.
const IMAGE_ROW: u64 = IMAGE_WIDTH as u64 * 16;

/// What tensors live in: the same bytes in the same order, either way.
#[derive(Clone, Debug)]
pub enum Memory {
    /// A storage buffer.
    Buffer(wgpu::Buffer),
    /// A storage image of four floats a texel.
    Image(wgpu::Texture),
}

impl Gpu {
    /// Allocates memory for shaders and copies.
    ///
    /// # Errors
    /// Larger than a binding or an image may be.
    pub fn allocate(&self, label: &str, bytes: u64, storage: Storage) -> Result<Memory, GpuError> {
        let limits = self.limits();
        let limit = match storage {
            Storage::Buffers => limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            Storage::Images => u64::from(limits.max_texture_dimension_2d) * IMAGE_ROW,
        };
        if bytes > limit {
            return Err(GpuError::TooLarge { tensor: label.into(), bytes, limit });
        }
        Ok(match storage {
            Storage::Buffers => {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
                Memory::Buffer(self.create_buffer(label, bytes.max(16), usage, false))
            }
            Storage::Images => {
                self.count();
                Memory::Image(self.device().create_texture(&wgpu::TextureDescriptor {
                    label: Some(label),
                    size: wgpu::Extent3d {
                        width: IMAGE_WIDTH,
                        height: bytes.div_ceil(IMAGE_ROW).max(1) as u32,
                        depth_or_array_layers: 1,
                    },
                    mip_level_count: 1,
                    sample_count: 1,
                    dimension: wgpu::TextureDimension::D2,
                    format: wgpu::TextureFormat::Rgba32Float,
                    usage: wgpu::TextureUsages::STORAGE_BINDING
                        | wgpu::TextureUsages::COPY_SRC
                        | wgpu::TextureUsages::COPY_DST,
                    view_formats: &[],
                }))
            }
        })
    }
}

impl Memory {
    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Buffer(buffer) => buffer.size(),
            Self::Image(image) => u64::from(image.height()) * IMAGE_ROW,
        }
    }

    /// Overwrites floats from byte `offset` on, a multiple of 16; for set-up, not for steps.
    pub fn write(&self, gpu: &Gpu, offset: u64, values: &[f32]) {
        match self {
            Self::Buffer(buffer) => gpu.write(buffer, offset, bytemuck::cast_slice(values)),
            Self::Image(image) => {
                let mut texels = values.chunks(4).map(|v| [0, 1, 2, 3].map(|i| v.get(i).copied().unwrap_or(0.0)));
                let mut next = (offset / 16) as u32;
                // Row by row, because the first and the last may be parts.
                loop {
                    let row: Vec<[f32; 4]> =
                        texels.by_ref().take((IMAGE_WIDTH - next % IMAGE_WIDTH) as usize).collect();
                    if row.is_empty() {
                        break;
                    }
                    gpu.write_texels(image, [next % IMAGE_WIDTH, next / IMAGE_WIDTH], &row);
                    next += row.len() as u32;
                }
            }
        }
    }

    /// Copies `bytes` from byte `offset` on to the host.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read(&self, gpu: &Gpu, offset: u64, bytes: u64) -> Result<Vec<f32>, GpuError> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let mut encoder = gpu.encoder();
        let (copy, start) = match self {
            Self::Buffer(buffer) => {
                let copy = gpu.create_buffer("copy for the host", bytes, usage, false);
                encoder.copy_buffer_to_buffer(buffer, offset, &copy, 0, bytes);
                (copy, 0)
            }
            Self::Image(image) => {
                let rows = offset / IMAGE_ROW..(offset + bytes).div_ceil(IMAGE_ROW);
                let height = (rows.end - rows.start) as u32;
                let copy = gpu.create_buffer("copy for the host", u64::from(height) * IMAGE_ROW, usage, false);
                let origin = wgpu::Origin3d { x: 0, y: rows.start as u32, z: 0 };
                encoder.copy_texture_to_buffer(
                    wgpu::TexelCopyTextureInfo { origin, ..image.as_image_copy() },
                    wgpu::TexelCopyBufferInfo {
                        buffer: &copy,
                        layout: wgpu::TexelCopyBufferLayout {
                            offset: 0,
                            bytes_per_row: Some(IMAGE_ROW as u32),
                            rows_per_image: None,
                        },
                    },
                    wgpu::Extent3d { width: IMAGE_WIDTH, height, depth_or_array_layers: 1 },
                );
                (copy, offset % IMAGE_ROW)
            }
        };
        gpu.await_submission(Some(gpu.submit(encoder)));
        gpu.map(&copy, wgpu::MapMode::Read).await?;
        let range = copy.get_mapped_range(start..start + bytes).map_err(|error| GpuError::Device(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&range))
    }
}
