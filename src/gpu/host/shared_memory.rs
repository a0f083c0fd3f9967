//! A buffer and an image in one piece of memory.
//!
//! llvmpipe stores to a buffer several times as fast as to an image, and reads an image faster than a buffer. In memory both are
//! the same: an image with linear tiling is its rows of texels, one after the other. So one piece of memory can be both, and
//! nothing has to be copied. llvmpipe finishes a dispatch before it begins the next one, so what a dispatch wrote through the
//! buffer is there when the next one reads the image, without a barrier, which wgpu would not know to place.

#![allow(unsafe_code)]

use std::sync::Arc;

use ash::vk;
use wgpu::hal;
use wgpu::hal::vulkan::TextureMemory;

use crate::gpu::memory::{IMAGE_ROW, IMAGE_WIDTH};
use crate::gpu::{Gpu, GpuError, HostCopy, Memory};

type Vulkan = hal::api::Vulkan;

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba32Float;

/// The parts that Vulkan gave out. They are returned when wgpu uses neither the buffer nor the image any more.
struct Shared {
    device: ash::Device,
    buffer: vk::Buffer,
    image: vk::Image,
    memory: vk::DeviceMemory,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: all three are from this device, which lives as long as the resources of wgpu whose callbacks hold this.
        // The callbacks run when the device uses these resources no longer. A null handle is ignored.
        unsafe {
            self.device.destroy_buffer(self.buffer, None);
            self.device.destroy_image(self.image, None);
            self.device.free_memory(self.memory, None);
        }
    }
}

impl Shared {
    /// A buffer of `bytes` and an image of `rows` rows, which is not larger. Nothing if Vulkan can't place them so.
    ///
    /// # Safety
    /// `device` must live as long as what is returned.
    unsafe fn new(device: &ash::Device, bytes: u64, rows: u32) -> Result<Option<Self>, vk::Result> {
        let null = (vk::Buffer::null(), vk::Image::null(), vk::DeviceMemory::null());
        let mut shared = Self { device: device.clone(), buffer: null.0, image: null.1, memory: null.2 };
        let of_buffer = vk::BufferCreateInfo::default().size(bytes).usage(
            vk::BufferUsageFlags::STORAGE_BUFFER
                | vk::BufferUsageFlags::TRANSFER_SRC
                | vk::BufferUsageFlags::TRANSFER_DST,
        );
        let of_image = vk::ImageCreateInfo::default()
            .image_type(vk::ImageType::TYPE_2D)
            .format(vk::Format::R32G32B32A32_SFLOAT)
            .extent(vk::Extent3D { width: IMAGE_WIDTH, height: rows, depth: 1 })
            .mip_levels(1)
            .array_layers(1)
            .samples(vk::SampleCountFlags::TYPE_1)
            .tiling(vk::ImageTiling::LINEAR)
            .usage(
                vk::ImageUsageFlags::STORAGE | vk::ImageUsageFlags::TRANSFER_SRC | vk::ImageUsageFlags::TRANSFER_DST,
            );
        // SAFETY: the descriptions are valid, and the memory is large enough for both and of a type that both can have.
        unsafe {
            shared.buffer = device.create_buffer(&of_buffer, None)?;
            shared.image = device.create_image(&of_image, None)?;
            let color = vk::ImageSubresource { aspect_mask: vk::ImageAspectFlags::COLOR, mip_level: 0, array_layer: 0 };
            let layout = device.get_image_subresource_layout(shared.image, color);
            let needs = [
                device.get_buffer_memory_requirements(shared.buffer),
                device.get_image_memory_requirements(shared.image),
            ];
            let types = needs[0].memory_type_bits & needs[1].memory_type_bits;
            if layout.offset != 0 || layout.row_pitch != IMAGE_ROW || types == 0 {
                return Ok(None);
            }
            let memory = vk::MemoryAllocateInfo::default()
                .allocation_size(needs[0].size.max(needs[1].size))
                .memory_type_index(types.trailing_zeros());
            shared.memory = device.allocate_memory(&memory, None)?;
            device.bind_buffer_memory(shared.buffer, shared.memory, 0)?;
            device.bind_image_memory(shared.image, shared.memory, 0)?;
        }
        Ok(Some(shared))
    }
}

impl Gpu {
    /// Whether a buffer and an image can share memory: on llvmpipe, if a test shows that they do.
    pub(in crate::gpu) fn can_share_memory(&self) -> bool {
        let test = || self.block_on(self.shows_sharing());
        self.info().driver == "llvmpipe" && self.attempt(test).unwrap_or(false)
    }

    /// Whether an image has what is written to the buffer that shares its memory.
    async fn shows_sharing(&self) -> Result<bool, GpuError> {
        let bytes = 2 * IMAGE_ROW;
        let Some((buffer, image)) = self.share("shared", bytes, bytes)? else { return Ok(false) };
        let values: Vec<f32> = (0..bytes as usize / 4).map(|i| i as f32).collect();
        self.write(&buffer, 0, bytemuck::cast_slice(&values));
        let copy = HostCopy::new(self, bytes);
        Ok(Memory::Image(image).read(self, &copy, 0, bytes).await? == values)
    }

    /// Allocates a buffer of `bytes` whose first bytes, at most `image_bytes`, are an image too.
    ///
    /// # Errors
    /// What the driver reports.
    pub(in crate::gpu) fn allocate_shared(
        &self,
        label: &str,
        bytes: u64,
        image_bytes: u64,
    ) -> Result<Memory, GpuError> {
        let (buffer, image) = self.share(label, bytes, image_bytes)?.ok_or_else(|| {
            GpuError::Device(format!("its driver does not let a buffer and an image share memory for `{label}`"))
        })?;
        Ok(Memory::Shared(buffer, image))
    }

    /// The buffer and the image of [`Gpu::allocate_shared`], or nothing where Vulkan can't do it.
    fn share(
        &self,
        label: &str,
        bytes: u64,
        image_bytes: u64,
    ) -> Result<Option<(wgpu::Buffer, wgpu::Texture)>, GpuError> {
        // SAFETY: nothing is destroyed through it.
        let Some(device) = (unsafe { self.device().as_hal::<Vulkan>() }) else { return Ok(None) };
        let rows = bytes.div_ceil(IMAGE_ROW).min(image_bytes.div_ceil(IMAGE_ROW)).max(1) as u32;
        // The image may reach behind the last float.
        let bytes = bytes.max(u64::from(rows) * IMAGE_ROW);
        // SAFETY: wgpu keeps the device as long as its resources.
        let shared = unsafe { Shared::new(device.raw_device(), bytes, rows) }.map_err(|error| match error {
            vk::Result::ERROR_OUT_OF_HOST_MEMORY | vk::Result::ERROR_OUT_OF_DEVICE_MEMORY => {
                GpuError::OutOfMemory(format!("its driver has no {bytes} bytes for `{label}`"))
            }
            other => GpuError::Device(format!("`{label}`: {other}")),
        })?;
        let Some(shared) = shared.map(Arc::new) else { return Ok(None) };
        self.count();
        self.count();
        let size = wgpu::Extent3d { width: IMAGE_WIDTH, height: rows, depth_or_array_layers: 1 };
        let of_hal = hal::TextureDescriptor {
            label: Some(label),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::wgt::TextureUses::STORAGE_READ_ONLY
                | wgpu::wgt::TextureUses::STORAGE_WRITE_ONLY
                | wgpu::wgt::TextureUses::STORAGE_READ_WRITE
                | wgpu::wgt::TextureUses::COPY_SRC
                | wgpu::wgt::TextureUses::COPY_DST,
            memory_flags: hal::MemoryFlags::empty(),
            view_formats: Vec::new(),
        };
        let of_image = wgpu::TextureDescriptor {
            label: Some(label),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        };
        let of_buffer = wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let kept = shared.clone();
        // SAFETY: both are from this device, have these descriptions, and live until both callbacks have run. Floats have
        // no invalid bits, so memory that nobody wrote holds some number. All accesses are inside the memory. One dispatch
        // never writes the buffer and reads the image, since a plan refuses that; dispatches run one after the other.
        unsafe {
            let (buffer_handle, image_handle) = (shared.buffer, shared.image);
            let texture = device.texture_from_raw(
                image_handle,
                &of_hal,
                Some(Box::new(move || drop(kept))),
                TextureMemory::External,
            );
            let buffer = hal::vulkan::Buffer::from_raw_externally_owned(buffer_handle, Box::new(move || drop(shared)));
            drop(device);
            let image = self.device().create_texture_from_hal::<Vulkan>(
                texture,
                &of_image,
                wgpu::wgt::TextureUses::UNINITIALIZED,
            );
            Ok(Some((self.device().create_buffer_from_hal::<Vulkan>(buffer, &of_buffer), image)))
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
