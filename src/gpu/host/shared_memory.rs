//! A buffer and an image in one piece of memory.
//!
//! llvmpipe stores to a buffer several times as fast as to an image, and reads an image faster than a buffer. In memory both are
//! the same: an image with linear tiling is its rows of texels, one after the other. So one piece of memory can be both, and
//! nothing has to be copied. It can also be two images, of which one has floats of 32 bits and the other one of 16. llvmpipe finishes a dispatch before it begins the next one, so what a dispatch wrote through the
//! buffer is there when the next one reads the image, without a barrier, which wgpu would not know to place.

#![allow(unsafe_code)]

use std::sync::Arc;

use ash::vk;
use wgpu::hal;
use wgpu::hal::vulkan::TextureMemory;

use crate::gpu::image::{IMAGE_WIDTH, image_format, image_rows, row_bytes};
use crate::gpu::{Gpu, GpuError, HostCopy, Memory, most_bytes};
use crate::kernel::Storage;

type Vulkan = hal::api::Vulkan;

/// What both formats need.
const USAGE: wgpu::TextureUsages =
    wgpu::TextureUsages::STORAGE_BINDING.union(wgpu::TextureUsages::COPY_SRC).union(wgpu::TextureUsages::COPY_DST);

/// The parts that Vulkan gave out. They are returned when wgpu uses neither the buffer nor an image any more.
struct Shared {
    device: ash::Device,
    buffer: vk::Buffer,
    images: Vec<vk::Image>,
    memory: vk::DeviceMemory,
}

/// The format and the number of rows of an image.
type Rows = (wgpu::TextureFormat, u32);

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: all of them are from this device, which lives as long as the resources of wgpu whose callbacks hold this.
        // The callbacks run when the device uses these resources no longer. A null handle is ignored.
        unsafe {
            self.device.destroy_buffer(self.buffer, None);
            self.images.iter().for_each(|image| self.device.destroy_image(*image, None));
            self.device.free_memory(self.memory, None);
        }
    }
}

impl Shared {
    /// A buffer of `bytes` and images, of which none is larger. Nothing if Vulkan can't place them so.
    ///
    /// # Safety
    /// `device` must live as long as what is returned.
    unsafe fn new(device: &ash::Device, bytes: u64, images: &[Rows]) -> Result<Option<Self>, vk::Result> {
        let (device, buffer, memory) = (device.clone(), vk::Buffer::null(), vk::DeviceMemory::null());
        let mut shared = Self { device, buffer, images: Vec::new(), memory };
        let of_buffer = vk::BufferCreateInfo::default().size(bytes).usage(
            vk::BufferUsageFlags::STORAGE_BUFFER
                | vk::BufferUsageFlags::TRANSFER_SRC
                | vk::BufferUsageFlags::TRANSFER_DST,
        );
        // SAFETY: the descriptions are valid, and the memory is large enough for all and of a type that all can have.
        unsafe {
            shared.buffer = shared.device.create_buffer(&of_buffer, None)?;
            let mut needs = vec![shared.device.get_buffer_memory_requirements(shared.buffer)];
            let color = vk::ImageSubresource { aspect_mask: vk::ImageAspectFlags::COLOR, mip_level: 0, array_layer: 0 };
            for rows in images {
                let image = shared.device.create_image(&of_image(*rows), None)?;
                shared.images.push(image);
                needs.push(shared.device.get_image_memory_requirements(image));
                let layout = shared.device.get_image_subresource_layout(image, color);
                if layout.offset != 0 || layout.row_pitch != row_bytes(rows.0) {
                    return Ok(None);
                }
            }
            let types = needs.iter().fold(u32::MAX, |types, need| types & need.memory_type_bits);
            if types == 0 {
                return Ok(None);
            }
            let size = needs.iter().map(|need| need.size).max().unwrap_or(bytes);
            let memory =
                vk::MemoryAllocateInfo::default().allocation_size(size).memory_type_index(types.trailing_zeros());
            shared.memory = shared.device.allocate_memory(&memory, None)?;
            shared.device.bind_buffer_memory(shared.buffer, shared.memory, 0)?;
            for image in &shared.images {
                shared.device.bind_image_memory(*image, shared.memory, 0)?;
            }
        }
        Ok(Some(shared))
    }
}

/// The image as Vulkan describes it.
fn of_image((format, rows): Rows) -> vk::ImageCreateInfo<'static> {
    let format = match format {
        wgpu::TextureFormat::Rgba16Float => vk::Format::R16G16B16A16_SFLOAT,
        _ => vk::Format::R32G32B32A32_SFLOAT,
    };
    vk::ImageCreateInfo::default()
        .image_type(vk::ImageType::TYPE_2D)
        .format(format)
        .extent(vk::Extent3D { width: IMAGE_WIDTH, height: rows, depth: 1 })
        .mip_levels(1)
        .array_layers(1)
        .samples(vk::SampleCountFlags::TYPE_1)
        .tiling(vk::ImageTiling::LINEAR)
        .usage(vk::ImageUsageFlags::STORAGE | vk::ImageUsageFlags::TRANSFER_SRC | vk::ImageUsageFlags::TRANSFER_DST)
}

/// The image as wgpu's Vulkan describes it.
fn of_hal(label: &str, (format, rows): Rows) -> hal::TextureDescriptor<'_> {
    hal::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: IMAGE_WIDTH, height: rows, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::wgt::TextureUses::STORAGE_READ_ONLY
            | wgpu::wgt::TextureUses::STORAGE_WRITE_ONLY
            | wgpu::wgt::TextureUses::STORAGE_READ_WRITE
            | wgpu::wgt::TextureUses::COPY_SRC
            | wgpu::wgt::TextureUses::COPY_DST,
        memory_flags: hal::MemoryFlags::empty(),
        view_formats: Vec::new(),
    }
}

/// The image as wgpu describes it.
fn of_wgpu(label: &str, (format, rows): Rows) -> wgpu::TextureDescriptor<'_> {
    wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width: IMAGE_WIDTH, height: rows, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: USAGE,
        view_formats: &[],
    }
}

impl Gpu {
    /// Whether a buffer and an image can share memory: on llvmpipe, if a test shows that they do.
    pub(in crate::gpu) fn can_share_memory(&self) -> bool {
        let test = || self.block_on(self.shows_sharing());
        self.info().driver == "llvmpipe" && self.attempt(test).unwrap_or(false)
    }

    /// Whether images have what is written to the buffer that shares their memory.
    async fn shows_sharing(&self) -> Result<bool, GpuError> {
        let kinds = [Storage::Images, Storage::HalfImages];
        let bytes = 2 * row_bytes(image_format(Storage::Images));
        let Some((buffer, images)) = self.share("shared", bytes, &kinds, u64::MAX)? else { return Ok(false) };
        let values: Vec<f32> = (0..bytes as usize / 4).map(|i| i as f32).collect();
        self.write(&buffer, 0, bytemuck::cast_slice(&values));
        let copy = HostCopy::new(self, bytes);
        for image in images {
            if Memory::Image(image).read(self, &copy, 0, bytes).await? != values {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Allocates a buffer of `bytes` whose first bytes are images of these kinds too. One with floats of 32 bits has at most
    /// `image_bytes`, and another one as many rows.
    ///
    /// # Errors
    /// More bytes than a buffer may have, or what the driver reports.
    pub(crate) fn allocate_shared(
        &self,
        label: &str,
        bytes: u64,
        images: &[Storage],
        image_bytes: u64,
    ) -> Result<Memory, GpuError> {
        let (limit, name) = most_bytes(&self.limits(), Storage::Buffers);
        if bytes > limit {
            return Err(GpuError::TooLarge { what: label.into(), needed: bytes, unit: "bytes", limit, name });
        }
        let (buffer, images) = self.share(label, bytes, images, image_bytes)?.ok_or_else(|| {
            GpuError::Device(format!("its driver does not let a buffer and an image share memory for `{label}`"))
        })?;
        Ok(Memory::Shared(buffer, images))
    }

    /// The buffer and the images of [`Gpu::allocate_shared`], or nothing where Vulkan can't do it.
    fn share(
        &self,
        label: &str,
        bytes: u64,
        images: &[Storage],
        image_bytes: u64,
    ) -> Result<Option<(wgpu::Buffer, Vec<wgpu::Texture>)>, GpuError> {
        // SAFETY: nothing is destroyed through it.
        let Some(device) = (unsafe { self.device().as_hal::<Vulkan>() }) else { return Ok(None) };
        let most_rows = image_bytes.div_ceil(row_bytes(image_format(Storage::Images))).max(1);
        let limits = self.limits();
        let rows = |kind: &Storage| {
            let format = image_format(*kind);
            (format, image_rows(&limits, bytes.div_ceil(row_bytes(format)).clamp(1, most_rows)))
        };
        let images: Vec<Rows> = images.iter().map(rows).collect();
        // An image may reach behind the last float.
        let ends = images.iter().map(|(format, rows)| u64::from(*rows) * row_bytes(*format));
        let bytes = ends.fold(bytes, u64::max);
        // SAFETY: wgpu keeps the device as long as its resources.
        let shared = unsafe { Shared::new(device.raw_device(), bytes, &images) }.map_err(|error| match error {
            vk::Result::ERROR_OUT_OF_HOST_MEMORY | vk::Result::ERROR_OUT_OF_DEVICE_MEMORY => {
                GpuError::OutOfMemory(format!("its driver has no {bytes} bytes for `{label}`"))
            }
            other => GpuError::Device(format!("`{label}`: {other}")),
        })?;
        let Some(shared) = shared.map(Arc::new) else { return Ok(None) };
        let of_buffer = wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        // SAFETY: all are from this device, have these descriptions, and live until all callbacks have run. Floats have
        // no invalid bits, so memory that nobody wrote holds some number. All accesses are inside the memory. Where one
        // dispatch writes the buffer and reads an image, a plan makes sure that each invocation only reads the element that
        // it then writes; dispatches run one after the other.
        unsafe {
            let textures: Vec<hal::vulkan::Texture> = (images.iter().zip(&shared.images))
                .map(|(rows, image)| {
                    let kept = shared.clone();
                    let dropped = Box::new(move || drop(kept));
                    device.texture_from_raw(*image, &of_hal(label, *rows), Some(dropped), TextureMemory::External)
                })
                .collect();
            drop(device);
            let unused = wgpu::wgt::TextureUses::UNINITIALIZED;
            let textures = (textures.into_iter().zip(images)).map(|(texture, rows)| {
                self.count();
                self.device().create_texture_from_hal::<Vulkan>(texture, &of_wgpu(label, rows), unused)
            });
            let textures = textures.collect();
            self.count();
            let handle = shared.buffer;
            let buffer = hal::vulkan::Buffer::from_raw_externally_owned(handle, Box::new(move || drop(shared)));
            Ok(Some((self.device().create_buffer_from_hal::<Vulkan>(buffer, &of_buffer), textures)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::AdapterChoice;

    /// Copies would give the same results, so nothing else would show that they are made.
    #[test]
    fn llvmpipe_shares() {
        let gpu = Gpu::open_blocking(&AdapterChoice::default()).unwrap();
        assert_eq!(gpu.shares_memory(), gpu.info().driver == "llvmpipe");
    }

    /// Where the test fails, the device is used as if there were no sharing.
    #[test]
    fn a_failed_attempt_leaves_a_device_that_works() {
        let gpu = Gpu::open_blocking(&AdapterChoice::default()).unwrap();
        let wrong = || -> Result<(), GpuError> {
            // No buffer may be mapped for both.
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE;
            gpu.create_buffer("impossible", 16, usage, false);
            gpu.check()
        };
        assert!(matches!(gpu.attempt(wrong), Err(GpuError::Device(_))));
        gpu.check().unwrap();
        let loses = || -> Result<(), GpuError> {
            gpu.device().destroy();
            gpu.poll();
            Ok(())
        };
        assert!(matches!(gpu.attempt(loses), Err(GpuError::Lost(_))));
        assert!(matches!(gpu.check(), Err(GpuError::Lost(_))));
    }
}
