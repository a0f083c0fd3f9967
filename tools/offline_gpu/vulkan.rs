//! The structures and numbers of Vulkan that the layer uses, as the specification's vk.xml has them.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::chain::*;

pub type CreateDevice = unsafe extern "system" fn(Handle, *const DeviceInfo, *const c_void, *mut Handle) -> VkResult;
pub type CreateModule = unsafe extern "system" fn(Handle, *const ModuleInfo, *const c_void, *mut u64) -> VkResult;
pub type CreatePipelines =
    unsafe extern "system" fn(Handle, u64, u32, *const PipelineInfo, *const c_void, *mut u64) -> VkResult;
pub type SetName = unsafe extern "system" fn(Handle, *const NameInfo) -> VkResult;
pub type GetProperties = unsafe extern "system" fn(Handle, *const WhichPipeline, *mut u32, *mut Properties) -> VkResult;
pub type GetStatistics =
    unsafe extern "system" fn(Handle, *const WhichExecutable, *mut u32, *mut Statistic) -> VkResult;

pub type GetListings = unsafe extern "system" fn(Handle, *const WhichExecutable, *mut u32, *mut Listing) -> VkResult;

pub const SUCCESS: VkResult = 0;
pub const EXECUTABLE_FEATURES: i32 = 1_000_269_000;
pub const WHICH_PIPELINE: i32 = 1_000_269_001;
pub const PROPERTIES: i32 = 1_000_269_002;
pub const WHICH_EXECUTABLE: i32 = 1_000_269_003;
pub const STATISTIC: i32 = 1_000_269_004;
pub const LISTING: i32 = 1_000_269_005;
pub const CAPTURE_STATISTICS: u32 = 0x40;
pub const CAPTURE_LISTINGS: u32 = 0x80;
pub const OBJECT_IS_PIPELINE: i32 = 19;
pub const EXTENSION: &CStr = c"VK_KHR_pipeline_executable_properties";

impl Header {
    pub fn of(kind: i32) -> Self {
        Self { kind, next: ptr::null_mut() }
    }
}

/// `VkDeviceCreateInfo`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DeviceInfo {
    pub header: Header,
    pub flags: u32,
    pub queue_count: u32,
    pub queues: *const c_void,
    pub layer_count: u32,
    pub layers: *const *const c_char,
    pub extension_count: u32,
    pub extensions: *const *const c_char,
    pub features: *const c_void,
}

/// `VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR`
#[repr(C)]
pub struct ExecutableFeatures {
    pub header: Header,
    pub info: u32,
}

/// `VkShaderModuleCreateInfo`
#[repr(C)]
pub struct ModuleInfo {
    pub header: Header,
    pub flags: u32,
    pub bytes: usize,
    pub code: *const u8,
}

/// `VkComputePipelineCreateInfo`; the stage is a structure of 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PipelineInfo {
    pub header: Header,
    pub flags: u32,
    pub stage: [u64; 6],
    pub layout: u64,
    pub base: u64,
    pub base_index: i32,
}

/// `VkDebugUtilsObjectNameInfoEXT`
#[repr(C)]
pub struct NameInfo {
    pub header: Header,
    pub kind: i32,
    pub object: u64,
    pub name: *const c_char,
}

/// `VkPipelineInfoKHR`
#[repr(C)]
pub struct WhichPipeline {
    pub header: Header,
    pub pipeline: u64,
}

/// `VkPipelineExecutableInfoKHR`
#[repr(C)]
pub struct WhichExecutable {
    pub header: Header,
    pub pipeline: u64,
    pub executable: u32,
}

/// `VkPipelineExecutablePropertiesKHR`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Properties {
    pub header: Header,
    pub stages: u32,
    pub name: [c_char; 256],
    pub description: [c_char; 256],
    pub subgroup_size: u32,
}

/// `VkPipelineExecutableStatisticKHR`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Statistic {
    pub header: Header,
    pub name: [c_char; 256],
    pub description: [c_char; 256],
    pub format: i32,
    pub value: u64,
}

impl Statistic {
    pub fn value(&self) -> String {
        match self.format {
            0 => (self.value as u32).to_string(),
            1 => self.value.cast_signed().to_string(),
            2 => self.value.to_string(),
            _ => f64::from_bits(self.value).to_string(),
        }
    }
}

/// `VkPipelineExecutableInternalRepresentationKHR`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Listing {
    pub header: Header,
    pub name: [c_char; 256],
    pub description: [c_char; 256],
    pub is_text: u32,
    pub bytes: usize,
    pub data: *mut u8,
}
