//! The place of a Vulkan layer between the loader, or the layer before it, and the next layer or the driver.
//!
//! What a layer must export and how it finds the next one: the Vulkan loader's LoaderLayerInterface.md.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{mem, ptr};

pub type VkResult = i32;
/// A dispatchable handle.
pub type Handle = *mut c_void;
pub type Function = Option<unsafe extern "system" fn()>;
pub type GetProcAddr = unsafe extern "system" fn(Handle, *const c_char) -> Function;
pub type CreateInstance = unsafe extern "system" fn(*const Header, *const c_void, *mut Handle) -> VkResult;

pub const INITIALIZATION_FAILED: VkResult = -3;
const INSTANCE_LINK: i32 = 47;
const DEVICE_LINK: i32 = 48;

static NEXT_INSTANCE: AtomicUsize = AtomicUsize::new(0);
static NEXT_DEVICE: AtomicUsize = AtomicUsize::new(0);

/// What all of Vulkan's structures begin with.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    pub kind: i32,
    pub next: *mut Header,
}

/// `VkLayerInstanceCreateInfo` and `VkLayerDeviceCreateInfo`, where they hold the chain of layers.
#[repr(C)]
struct LayerInfo {
    header: Header,
    function: i32,
    link: *mut Link,
}

/// `VkLayerInstanceLink` and `VkLayerDeviceLink`; the latter has what follows `instance_proc_addr`.
#[repr(C)]
struct Link {
    next: *mut Link,
    instance_proc_addr: GetProcAddr,
    device_proc_addr: GetProcAddr,
}

/// The chain of layers in what something is created from; the next layer is taken off it.
unsafe fn next_link(info: *const Header, kind: i32) -> Option<*mut Link> {
    // SAFETY: the loader hands a list of valid structures.
    unsafe {
        let mut at = (*info).next;
        while !at.is_null() {
            let layer = at.cast::<LayerInfo>();
            if (*at).kind == kind && (*layer).function == 0 {
                let link = (*layer).link;
                (*layer).link = (*link).next;
                return Some(link);
            }
            at = (*at).next;
        }
    }
    None
}

/// `vkCreateInstance`, which only passes on what it is given.
///
/// # Safety
/// As Vulkan has it.
pub unsafe extern "system" fn create_instance(
    info: *const Header,
    allocator: *const c_void,
    instance: *mut Handle,
) -> VkResult {
    // SAFETY: the loader's arguments; the transmuted function has the type that Vulkan gives it.
    unsafe {
        let Some(link) = next_link(info, INSTANCE_LINK) else { return INITIALIZATION_FAILED };
        let next = (*link).instance_proc_addr;
        NEXT_INSTANCE.store(next as usize, Ordering::Relaxed);
        let create: CreateInstance = mem::transmute(next(ptr::null_mut(), c"vkCreateInstance".as_ptr()));
        create(info, allocator, instance)
    }
}

/// The next `vkCreateDevice`, for a device that is made from `info`.
///
/// # Safety
/// `info` is what the loader gave.
pub unsafe fn next_create_device(info: *const Header) -> Function {
    // SAFETY: as for an instance.
    unsafe {
        let link = next_link(info, DEVICE_LINK)?;
        NEXT_DEVICE.store((*link).device_proc_addr as usize, Ordering::Relaxed);
        ((*link).instance_proc_addr)(ptr::null_mut(), c"vkCreateDevice".as_ptr())
    }
}

/// The next function of this name of an instance, once there is one.
///
/// # Safety
/// `name` ends with a zero.
pub unsafe fn next_of_instance(instance: Handle, name: *const c_char) -> Function {
    let next = NEXT_INSTANCE.load(Ordering::Relaxed);
    if next == 0 {
        return None;
    }
    // SAFETY: it was set with the instance.
    unsafe { mem::transmute::<usize, GetProcAddr>(next)(instance, name) }
}

/// The next function of this name of a device.
///
/// # Safety
/// There is a device, and `name` ends with a zero.
pub unsafe fn next_of_device(device: Handle, name: *const c_char) -> Function {
    // SAFETY: it was set with the device.
    unsafe { mem::transmute::<usize, GetProcAddr>(NEXT_DEVICE.load(Ordering::Relaxed))(device, name) }
}
