//! A Vulkan layer that makes a driver fail: from the `N`th call of `FUNCTION` on, that function returns `RESULT` and
//! does nothing. `FAULTY_DRIVER="FUNCTION N RESULT"` says which. `vkGetPhysicalDeviceProperties` cannot fail; it says
//! that a workgroup may have no more than `RESULT` invocations.
//!
//! What a layer must export and how it finds the next one: the Vulkan loader's LoaderLayerInterface.md.

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, mem, ptr};

type VkResult = i32;
/// A dispatchable handle.
type Handle = *mut c_void;
type Function = Option<unsafe extern "system" fn()>;
type GetProcAddr = unsafe extern "system" fn(Handle, *const c_char) -> Function;
type Create = unsafe extern "system" fn(Handle, *const Header, *const c_void, *mut Handle) -> VkResult;
type GetProperties = unsafe extern "system" fn(Handle, *mut u32);
type CreateInstance = unsafe extern "system" fn(*const Header, *const c_void, *mut Handle) -> VkResult;

const INITIALIZATION_FAILED: VkResult = -3;
const INSTANCE_LINK: i32 = 47;
const DEVICE_LINK: i32 = 48;
/// Where `VkPhysicalDeviceProperties` has `limits.maxComputeWorkGroupInvocations`, in words.
const WORKGROUP_INVOCATIONS: usize = 132;

/// What all of Vulkan's structures begin with.
#[repr(C)]
pub struct Header {
    kind: i32,
    next: *mut Header,
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

static NEXT_INSTANCE: AtomicUsize = AtomicUsize::new(0);
static NEXT_DEVICE: AtomicUsize = AtomicUsize::new(0);
static NEXT_PROPERTIES: AtomicUsize = AtomicUsize::new(0);
/// Of the function that fails.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Counts a call; what it must return if it is to fail.
fn fault(name: &str) -> Option<VkResult> {
    let fault = env::var("FAULTY_DRIVER").unwrap();
    let [function, nth, result] = fault.split(' ').collect::<Vec<_>>().try_into().unwrap();
    if function != name || CALLS.fetch_add(1, Ordering::Relaxed) + 1 < nth.parse().unwrap() {
        return None;
    }
    Some(result.parse().unwrap())
}

/// Functions that can fail, by their parameters.
macro_rules! functions {
    ($($name:ident($($parameter:ident: $kind:ty),*);)*) => {
        /// The layer's own function of a name, which calls `next`.
        fn wrapper(name: &CStr, next: Function) -> Function {
            match name.to_str().unwrap() {
                $(stringify!($name) => {
                    $name::NEXT.store(next? as usize, Ordering::Relaxed);
                    let own: unsafe extern "system" fn($($kind),*) -> VkResult = $name::call;
                    // SAFETY: all pointers to functions are alike; Vulkan's caller knows this one's type by its name.
                    Some(unsafe { mem::transmute(own) })
                })*
                _ => next,
            }
        }

        $(#[allow(non_snake_case)]
        mod $name {
            use super::*;

            pub static NEXT: AtomicUsize = AtomicUsize::new(0);

            pub unsafe extern "system" fn call($($parameter: $kind),*) -> VkResult {
                if let Some(result) = fault(stringify!($name)) {
                    return result;
                }
                // SAFETY: `NEXT` was set from the driver's function of this name before anybody could call this one.
                let next: unsafe extern "system" fn($($kind),*) -> VkResult =
                    unsafe { mem::transmute(NEXT.load(Ordering::Relaxed)) };
                // SAFETY: as the caller has it.
                unsafe { next($($parameter),*) }
            }
        })*
    };
}

functions! {
    vkAllocateMemory(device: Handle, info: *const c_void, allocator: *const c_void, memory: *mut u64);
    vkMapMemory(device: Handle, memory: u64, offset: u64, size: u64, flags: u32, data: *mut *mut c_void);
    vkCreateComputePipelines(device: Handle, cache: u64, count: u32, infos: *const c_void, allocator: *const c_void,
        pipelines: *mut u64);
    vkQueueSubmit(queue: Handle, count: u32, submits: *const c_void, fence: u64);
    vkWaitSemaphores(device: Handle, info: *const c_void, timeout: u64);
    vkGetSemaphoreCounterValue(device: Handle, semaphore: u64, value: *mut u64);
    vkWaitForFences(device: Handle, count: u32, fences: *const u64, all: u32, timeout: u64);
    vkGetFenceStatus(device: Handle, fence: u64);
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

unsafe extern "system" fn create_instance(
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

unsafe extern "system" fn create_device(
    physical: Handle,
    info: *const Header,
    allocator: *const c_void,
    device: *mut Handle,
) -> VkResult {
    if let Some(result) = fault("vkCreateDevice") {
        return result;
    }
    // SAFETY: as for an instance.
    unsafe {
        let Some(link) = next_link(info, DEVICE_LINK) else { return INITIALIZATION_FAILED };
        NEXT_DEVICE.store((*link).device_proc_addr as usize, Ordering::Relaxed);
        let next = (*link).instance_proc_addr;
        let create: Create = mem::transmute(next(ptr::null_mut(), c"vkCreateDevice".as_ptr()));
        create(physical, info, allocator, device)
    }
}

unsafe extern "system" fn properties(physical: Handle, properties: *mut u32) {
    // SAFETY: `NEXT_PROPERTIES` was set when this function was found; `properties` has a `VkPhysicalDeviceProperties`.
    unsafe {
        let next: GetProperties = mem::transmute(NEXT_PROPERTIES.load(Ordering::Relaxed));
        next(physical, properties);
        if let Some(most) = fault("vkGetPhysicalDeviceProperties") {
            *properties.add(WORKGROUP_INVOCATIONS) = most as u32;
        }
    }
}

/// The next layer's, or the driver's, once there is an instance.
unsafe fn next_function(instance: Handle, name: *const c_char) -> Function {
    // SAFETY: `NEXT_INSTANCE` was set with the instance.
    unsafe {
        let next: GetProcAddr = mem::transmute(NEXT_INSTANCE.load(Ordering::Relaxed));
        next(instance, name)
    }
}

/// Finds a function of an instance.
///
/// # Safety
/// As Vulkan has it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkGetInstanceProcAddr(instance: Handle, name: *const c_char) -> Function {
    // SAFETY: a name of the loader; `NEXT_INSTANCE` is set with the instance; functions as in `wrapper`.
    unsafe {
        match CStr::from_ptr(name).to_str().unwrap() {
            "vkGetInstanceProcAddr" => mem::transmute(vkGetInstanceProcAddr as GetProcAddr),
            "vkGetDeviceProcAddr" => mem::transmute(vkGetDeviceProcAddr as GetProcAddr),
            "vkCreateInstance" => mem::transmute(create_instance as CreateInstance),
            "vkCreateDevice" => mem::transmute(create_device as Create),
            _ if NEXT_INSTANCE.load(Ordering::Relaxed) == 0 => None,
            "vkGetPhysicalDeviceProperties" => {
                NEXT_PROPERTIES.store(next_function(instance, name)? as usize, Ordering::Relaxed);
                mem::transmute(properties as GetProperties)
            }
            _ => next_function(instance, name),
        }
    }
}

/// Finds a function of a device.
///
/// # Safety
/// As Vulkan has it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkGetDeviceProcAddr(device: Handle, name: *const c_char) -> Function {
    // SAFETY: a name of the loader; `NEXT_DEVICE` is set with the device.
    unsafe {
        let next: GetProcAddr = mem::transmute(NEXT_DEVICE.load(Ordering::Relaxed));
        wrapper(CStr::from_ptr(name), next(device, name))
    }
}
