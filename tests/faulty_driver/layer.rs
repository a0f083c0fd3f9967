//! A Vulkan layer that makes a driver fail: `TIMES` times from the `N`th call of `FUNCTION` on, or for ever without a number,
//! that function returns `RESULT` and does nothing. `FAULTY_DRIVER="FUNCTION N RESULT TIMES"` says which.
//! `vkGetPhysicalDeviceProperties` cannot fail; it says that a workgroup may have no more than `RESULT` invocations.
//! `FAULTY_DRIVER_TYPE` is the `VkPhysicalDeviceType` that the driver says it has, such as 2 for a discrete GPU.

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, mem};

mod chain;

use chain::*;

type Create = unsafe extern "system" fn(Handle, *const Header, *const c_void, *mut Handle) -> VkResult;
type GetProperties = unsafe extern "system" fn(Handle, *mut u32);

/// Where `VkPhysicalDeviceProperties` has `deviceType`, and `limits.maxComputeWorkGroupInvocations`, in words.
const DEVICE_TYPE: usize = 4;
const WORKGROUP_INVOCATIONS: usize = 132;

static NEXT_PROPERTIES: AtomicUsize = AtomicUsize::new(0);
/// Of the function that fails.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Counts a call; what it must return if it is to fail.
fn fault(name: &str) -> Option<VkResult> {
    let fault = env::var("FAULTY_DRIVER").unwrap();
    let mut words = fault.split(' ');
    if words.next() != Some(name) {
        return None;
    }
    let [nth, result, times] =
        [1, 0, i64::MAX].map(|default| words.next().map_or(default, |word| word.parse().unwrap()));
    let call = CALLS.fetch_add(1, Ordering::Relaxed) as i64 + 1;
    (nth..nth.saturating_add(times)).contains(&call).then_some(result as VkResult)
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
    vkCreateBuffer(device: Handle, info: *const c_void, allocator: *const c_void, buffer: *mut u64);
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

unsafe extern "system" fn create_device(
    physical: Handle,
    info: *const Header,
    allocator: *const c_void,
    device: *mut Handle,
) -> VkResult {
    if let Some(result) = fault("vkCreateDevice") {
        return result;
    }
    // SAFETY: the loader's arguments; the transmuted function has the type that Vulkan gives it.
    unsafe {
        let Some(create) = next_create_device(info) else { return INITIALIZATION_FAILED };
        mem::transmute::<unsafe extern "system" fn(), Create>(create)(physical, info, allocator, device)
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
        if let Ok(kind) = env::var("FAULTY_DRIVER_TYPE") {
            *properties.add(DEVICE_TYPE) = kind.parse().unwrap();
        }
    }
}

/// Finds a function of an instance.
///
/// # Safety
/// As Vulkan has it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkGetInstanceProcAddr(instance: Handle, name: *const c_char) -> Function {
    // SAFETY: a name of the loader; functions as in `wrapper`.
    unsafe {
        match CStr::from_ptr(name).to_str().unwrap() {
            "vkGetInstanceProcAddr" => mem::transmute(vkGetInstanceProcAddr as GetProcAddr),
            "vkGetDeviceProcAddr" => mem::transmute(vkGetDeviceProcAddr as GetProcAddr),
            "vkCreateInstance" => mem::transmute(create_instance as CreateInstance),
            "vkCreateDevice" => mem::transmute(create_device as Create),
            "vkGetPhysicalDeviceProperties" => {
                NEXT_PROPERTIES.store(next_of_instance(instance, name)? as usize, Ordering::Relaxed);
                mem::transmute(properties as GetProperties)
            }
            _ => next_of_instance(instance, name),
        }
    }
}

/// Finds a function of a device.
///
/// # Safety
/// As Vulkan has it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkGetDeviceProcAddr(device: Handle, name: *const c_char) -> Function {
    // SAFETY: a name of the loader, which has a device.
    unsafe { wrapper(CStr::from_ptr(name), next_of_device(device, name)) }
}
