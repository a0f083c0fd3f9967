//! Storage images of floats.

use super::{Gpu, Memory};
use crate::kernel::Storage;

/// Texels in a row of an image. The shaders in `shaders/access` have the same constant.
pub(super) const IMAGE_WIDTH: u32 = 1024;

/// The format of images of this kind.
pub(super) fn image_format(storage: Storage) -> wgpu::TextureFormat {
    match storage {
        Storage::HalfImages => wgpu::TextureFormat::Rgba16Float,
        Storage::Images | Storage::Buffers => wgpu::TextureFormat::Rgba32Float,
    }
}

/// Bytes of a texel.
pub(super) fn texel_bytes(format: wgpu::TextureFormat) -> u64 {
    if format == wgpu::TextureFormat::Rgba16Float { 8 } else { 16 }
}

/// Bytes in a row of an image.
pub(super) fn row_bytes(format: wgpu::TextureFormat) -> u64 {
    u64::from(IMAGE_WIDTH) * texel_bytes(format)
}

/// The rows of an image that needs so many. llvmpipe compiles a shader once more for images whose sizes are powers of two, so
/// there are none of those, except where `limits` allow no other.
pub(super) fn image_rows(limits: &wgpu::Limits, needed: u64) -> u32 {
    let needed = u32::try_from(needed.max(1)).unwrap_or(u32::MAX);
    (needed..=limits.max_texture_dimension_2d).find(|rows| !rows.is_power_of_two()).unwrap_or(needed)
}

/// A copy of the first bytes of a buffer to an image.
#[derive(Clone, Debug)]
pub struct ImageCopy {
    buffer: wgpu::Buffer,
    image: wgpu::Texture,
    texels: u32,
}

impl ImageCopy {
    /// A copy of `bytes`, which are whole texels, if the memory is of these kinds.
    pub fn new(buffer: &Memory, image: &Memory, bytes: u64) -> Option<Self> {
        match (buffer, image) {
            (Memory::Buffer(buffer), Memory::Image(image)) => {
                let texels = u32::try_from(bytes / texel_bytes(image.format())).ok()?;
                Some(Self { buffer: buffer.clone(), image: image.clone(), texels })
            }
            _ => None,
        }
    }

    /// Encodes it: whole rows, and then the texels of the last one.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        let (rows, rest) = (self.texels / IMAGE_WIDTH, self.texels % IMAGE_WIDTH);
        let row = row_bytes(self.image.format());
        for (y, width, height) in [(0, IMAGE_WIDTH, rows), (rows, rest, 1)] {
            if width == 0 || height == 0 {
                continue;
            }
            encoder.copy_buffer_to_texture(
                wgpu::TexelCopyBufferInfo {
                    buffer: &self.buffer,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: u64::from(y) * row,
                        bytes_per_row: Some(row as u32),
                        rows_per_image: None,
                    },
                },
                wgpu::TexelCopyTextureInfo { origin: wgpu::Origin3d { x: 0, y, z: 0 }, ..self.image.as_image_copy() },
                wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            );
        }
    }
}

impl Gpu {
    /// Creates an image of `[width, height]` texels.
    pub(super) fn create_image(&self, label: &str, storage: Storage, [width, height]: [u32; 2]) -> wgpu::Texture {
        self.count();
        self.device().create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: image_format(storage),
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    }

    /// Overwrites texels of one row of an image from `[x, y]` on; for set-up, not for steps.
    pub(super) fn write_texels(&self, image: &wgpu::Texture, [x, y]: [u32; 2], words: &[f32]) {
        let width = words.len() as u32 * 4 / texel_bytes(image.format()) as u32;
        self.queue.write_texture(
            wgpu::TexelCopyTextureInfo { origin: wgpu::Origin3d { x, y, z: 0 }, ..image.as_image_copy() },
            bytemuck::cast_slice(words),
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: None, rows_per_image: None },
            wgpu::Extent3d { width, height: 1, depth_or_array_layers: 1 },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_rows_is_a_power_of_two_but_the_largest() {
        let limits = wgpu::Limits { max_texture_dimension_2d: 64, ..wgpu::Limits::default() };
        let rows = [0, 1, 2, 3, 4, 7, 32, 63, 64].map(|needed| image_rows(&limits, needed));
        assert_eq!(rows, [3, 3, 3, 3, 5, 7, 33, 63, 64]);
    }
}
