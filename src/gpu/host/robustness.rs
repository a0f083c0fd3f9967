//! Pipelines without the driver's checks of bounds.
//!
//! wgpu opens devices of Vulkan with `robustBufferAccess2`, also for modules that need no checks. Then a compiler has to compare
//! the place of each float with the end of its buffer: a load of four floats takes 13 instructions on NVK, and 2 without. Vulkan
//! lets each pipeline choose (`VK_EXT_pipeline_robustness`), which wgpu does not offer. So this gives wgpu a device on which the
//! function that makes pipelines is its own, and asks for what the caller wants.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use ash::{ext, vk};
use wgpu::hal;

type Vulkan = hal::api::Vulkan;

thread_local! {
    /// Whether this thread makes a pipeline without checks.
    static UNCHECKED: Cell<bool> = const { Cell::new(false) };
}

/// The drivers' functions, of the devices that [`open`] opened.
static DRIVERS: Mutex<Vec<(vk::Device, vk::PFN_vkCreateComputePipelines)>> = Mutex::new(Vec::new());

/// Makes pipelines that access buffers without the driver's checks, if their device is from [`open`].
///
/// # Safety
/// The pipelines that `make` makes reach no place outside their buffers.
pub(in crate::gpu) unsafe fn unchecked<T>(make: impl FnOnce() -> T) -> T {
    /// Ends it in a panic of the driver too.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            UNCHECKED.set(false);
        }
    }
    UNCHECKED.set(true);
    let _end = End;
    make()
}

/// Opens a device on which pipelines may go without checks. `None` where that is not possible; then wgpu opens it, or says
/// what is wrong. A software adapter checks always.
pub(in crate::gpu) fn open(
    adapter: &wgpu::Adapter,
    descriptor: &wgpu::DeviceDescriptor<'_>,
) -> Option<(wgpu::Device, wgpu::Queue)> {
    let (features, limits) = (descriptor.required_features, &descriptor.required_limits);
    let is_software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
    if is_software || !adapter.features().contains(features) || !limits.check_limits(&adapter.limits()) {
        return None;
    }
    // SAFETY: nothing is destroyed through it.
    let of_vulkan = unsafe { adapter.as_hal::<Vulkan>() }?;
    let name = ext::pipeline_robustness::NAME;
    if !of_vulkan.physical_device_capabilities().supports_extension(name) {
        return None;
    }
    let mut extensions = of_vulkan.required_device_extensions(features);
    extensions.push(name);
    let names: Vec<*const c_char> = extensions.iter().map(|name| name.as_ptr()).collect();
    // The one that wgpu uses.
    let queue = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
    let mut robustness = vk::PhysicalDevicePipelineRobustnessFeaturesEXT::default().pipeline_robustness(true);
    let info = vk::DeviceCreateInfo::default().queue_create_infos(&queue).enabled_extension_names(&names);
    let mut needed = of_vulkan.physical_device_features(&extensions, features);
    let info = needed.add_to_device_create(info.push_next(&mut robustness));
    let instance = of_vulkan.shared_instance().raw_instance();
    // SAFETY: the device is made as wgpu makes it, from the same adapter and with all that wgpu needs. wgpu checked that the
    // adapter has the features and limits, and destroys the device. The functions have the types that Vulkan gives them.
    unsafe {
        let device = instance.create_device(of_vulkan.raw_physical_device(), &info, None).ok()?;
        let handle = device.handle();
        remember(handle, device.fp_v1_0().create_compute_pipelines);
        let function = |name: &CStr| -> *const c_void {
            if name == c"vkCreateComputePipelines" {
                return create_pipelines as vk::PFN_vkCreateComputePipelines as *const c_void;
            }
            let function = instance.get_device_proc_addr(handle, name.as_ptr());
            function.map_or(std::ptr::null(), |function| function as *const c_void)
        };
        let device = ash::Device::load_with(function, handle);
        let hints = &descriptor.memory_hints;
        let opened = of_vulkan.device_from_raw(device, None, &extensions, features, limits, hints, 0, 0).ok()?;
        drop(of_vulkan);
        adapter.create_device_from_hal::<Vulkan>(opened, descriptor).ok()
    }
}

fn remember(device: vk::Device, create: vk::PFN_vkCreateComputePipelines) {
    let mut drivers = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    // A device that was destroyed may have had the same handle.
    drivers.retain(|(other, _)| *other != device);
    drivers.push((device, create));
}

/// Stands in the place of the driver's function.
unsafe extern "system" fn create_pipelines(
    device: vk::Device,
    cache: vk::PipelineCache,
    count: u32,
    infos: *const vk::ComputePipelineCreateInfo<'_>,
    allocator: *const vk::AllocationCallbacks<'_>,
    pipelines: *mut vk::Pipeline,
) -> vk::Result {
    let drivers = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = drivers.iter().find(|(other, _)| *other == device).map(|(_, create)| *create);
    drop(drivers);
    let Some(create) = found else { return vk::Result::ERROR_INITIALIZATION_FAILED };
    // SAFETY: the caller's arguments, and `count` descriptions. What is put in front of what each has to add lives until the
    // call returns.
    unsafe {
        if !UNCHECKED.get() {
            return create(device, cache, count, infos, allocator, pipelines);
        }
        let mut infos = std::slice::from_raw_parts(infos, count as usize).to_vec();
        let without = vk::PipelineRobustnessCreateInfoEXT::default()
            .storage_buffers(vk::PipelineRobustnessBufferBehaviorEXT::DISABLED)
            .uniform_buffers(vk::PipelineRobustnessBufferBehaviorEXT::DISABLED);
        let mut robustness = vec![without; infos.len()];
        for (info, robustness) in infos.iter_mut().zip(&mut robustness) {
            robustness.p_next = info.p_next;
            info.p_next = (&raw const *robustness).cast();
        }
        create(device, cache, count, infos.as_ptr(), allocator, pipelines)
    }
}
