//! Memory on the device: buffers and images of floats.

use std::sync::{Mutex, PoisonError};

use super::{Gpu, GpuError};
use crate::kernel::Storage;

/// Texels in a row of an image. The shaders in `shaders/access` have the same constant.
pub(super) const IMAGE_WIDTH: u32 = 1024;

/// Bytes in a row of an image.
pub(super) const IMAGE_ROW: u64 = IMAGE_WIDTH as u64 * 16;

/// The memory of tensors. A buffer and an image hold the same bytes in the same order.
#[derive(Clone, Debug)]
pub enum Memory {
    /// A storage buffer.
    Buffer(wgpu::Buffer),
    /// A storage image of four floats a texel.
    Image(wgpu::Texture),
    /// A storage buffer, and a storage image whose memory is the first part of it: see [`Gpu::shares_memory`].
    Shared(wgpu::Buffer, wgpu::Texture),
}

/// Most bytes of a buffer or image, and the name of the limit that they come from. The host reads an image through a buffer.
pub fn most_bytes(limits: &wgpu::Limits, storage: Storage) -> (u64, &'static str) {
    let buffer = (limits.max_buffer_size, "max_buffer_size");
    let image = (u64::from(limits.max_texture_dimension_2d) * IMAGE_ROW, "max_texture_dimension_2d");
    match storage {
        Storage::Images => image.min(buffer),
        Storage::Buffers => buffer,
    }
}

/// Most bytes of a buffer that a shader reaches through one binding, and the name of the limit that they come from.
pub fn most_binding_bytes(limits: &wgpu::Limits) -> (u64, &'static str) {
    let binding = (limits.max_storage_buffer_binding_size, "max_storage_buffer_binding_size");
    binding.min((limits.max_buffer_size, "max_buffer_size"))
}

/// A copy of the first bytes of a buffer to an image.
#[derive(Clone, Debug)]
pub struct ImageCopy {
    buffer: wgpu::Buffer,
    image: wgpu::Texture,
    texels: u32,
}

impl ImageCopy {
    /// A copy of `bytes`, a multiple of 16, if the memory is of these kinds.
    pub fn new(buffer: &Memory, image: &Memory, bytes: u64) -> Option<Self> {
        match (buffer, image) {
            (Memory::Buffer(buffer), Memory::Image(image)) => {
                Some(Self { buffer: buffer.clone(), image: image.clone(), texels: u32::try_from(bytes / 16).ok()? })
            }
            _ => None,
        }
    }

    /// Encodes it: whole rows, and then the texels of the last one.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        let (rows, rest) = (self.texels / IMAGE_WIDTH, self.texels % IMAGE_WIDTH);
        for (y, width, height) in [(0, IMAGE_WIDTH, rows), (rows, rest, 1)] {
            if width == 0 || height == 0 {
                continue;
            }
            encoder.copy_buffer_to_texture(
                wgpu::TexelCopyBufferInfo {
                    buffer: &self.buffer,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: u64::from(y) * IMAGE_ROW,
                        bytes_per_row: Some(IMAGE_ROW as u32),
                        rows_per_image: None,
                    },
                },
                wgpu::TexelCopyTextureInfo { origin: wgpu::Origin3d { x: 0, y, z: 0 }, ..self.image.as_image_copy() },
                wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            );
        }
    }
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
    /// Allocates memory for shaders and copies. With `image_bytes`, on a device that can do that, it is a buffer of which at
    /// most that many bytes are an image too.
    ///
    /// # Errors
    /// More bytes than a buffer or an image may have, or what the device reports.
    pub fn allocate(
        &self,
        label: &str,
        bytes: u64,
        storage: Storage,
        image_bytes: Option<u64>,
    ) -> Result<Memory, GpuError> {
        let (limit, name) = most_bytes(&self.limits(), storage);
        if bytes > limit {
            return Err(GpuError::TooLarge { what: label.into(), needed: bytes, unit: "bytes", limit, name });
        }
        if let Some(image_bytes) = image_bytes {
            return self.allocate_shared(label, bytes, image_bytes);
        }
        Ok(match storage {
            Storage::Buffers => {
                let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
                Memory::Buffer(self.create_buffer(label, bytes.max(16), usage, false))
            }
            Storage::Images => {
                Memory::Image(self.create_image(label, [IMAGE_WIDTH, bytes.div_ceil(IMAGE_ROW).max(1) as u32]))
            }
        })
    }

    /// Creates an image of `[width, height]` texels.
    pub(super) fn create_image(&self, label: &str, [width, height]: [u32; 2]) -> wgpu::Texture {
        self.count();
        self.device().create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    }

    /// Overwrites texels of one row of an image from `[x, y]` on; for set-up, not for steps.
    fn write_texels(&self, image: &wgpu::Texture, [x, y]: [u32; 2], texels: &[[f32; 4]]) {
        self.queue.write_texture(
            wgpu::TexelCopyTextureInfo { origin: wgpu::Origin3d { x, y, z: 0 }, ..image.as_image_copy() },
            bytemuck::cast_slice(texels),
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: None, rows_per_image: None },
            wgpu::Extent3d { width: texels.len() as u32, height: 1, depth_or_array_layers: 1 },
        );
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

    /// The image, if it is nothing else, or if it is a buffer too and `storage` asks for the image.
    pub(crate) fn image(&self, storage: Storage) -> Option<&wgpu::Texture> {
        match self {
            Self::Image(image) => Some(image),
            Self::Shared(_, image) if storage == Storage::Images => Some(image),
            Self::Shared(..) | Self::Buffer(_) => None,
        }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Buffer(buffer) | Self::Shared(buffer, _) => buffer.size(),
            Self::Image(image) => u64::from(image.height()) * IMAGE_ROW,
        }
    }

    /// Overwrites floats from byte `offset` on, which is a multiple of 16. Meant for set-up: steps stage their data.
    pub fn write(&self, gpu: &Gpu, offset: u64, values: &[f32]) {
        match self {
            Self::Buffer(buffer) | Self::Shared(buffer, _) => gpu.write(buffer, offset, bytemuck::cast_slice(values)),
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

    /// Bytes of a buffer that [`Self::encode_copy`] needs.
    pub fn copied_bytes(&self, offset: u64, bytes: u64) -> u64 {
        match self {
            Self::Buffer(_) | Self::Shared(..) => bytes,
            // An image is copied by whole rows.
            Self::Image(_) => ((offset + bytes).div_ceil(IMAGE_ROW) - offset / IMAGE_ROW) * IMAGE_ROW,
        }
    }

    /// Where the copy of byte `offset` begins in a buffer that [`Self::encode_copy`] fills.
    pub fn first_copied_byte(&self, offset: u64) -> u64 {
        match self {
            Self::Buffer(_) | Self::Shared(..) => 0,
            Self::Image(_) => offset % IMAGE_ROW,
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
                let first = offset / IMAGE_ROW;
                let height = (self.copied_bytes(offset, bytes) / IMAGE_ROW) as u32;
                let origin = wgpu::Origin3d { x: 0, y: first as u32, z: 0 };
                encoder.copy_texture_to_buffer(
                    wgpu::TexelCopyTextureInfo { origin, ..image.as_image_copy() },
                    wgpu::TexelCopyBufferInfo {
                        buffer,
                        layout: wgpu::TexelCopyBufferLayout {
                            offset: 0,
                            bytes_per_row: Some(IMAGE_ROW as u32),
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
