//! A Vulkan layer that asks the driver's compiler for what it made of each compute pipeline
//! (`VK_KHR_pipeline_executable_properties`). It appends lines to the file `PIPELINES`:
//!
//! ```text
//! statistics HANDLE<tab>EXECUTABLE<tab>NAME=VALUE<tab>...
//! name HANDLE<tab>the pipeline's label
//! ```
//!
//! and writes the SPIR-V of each module to the directory `MODULES`, if there is one. To the directory `LISTINGS`, if there is
//! one, it writes the texts that the compiler gives of a pipeline, such as its machine code: `HANDLE.NAME.txt`.

use std::ffi::{CStr, c_char, c_void};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, mem};

#[path = "../../tests/faulty_driver/chain.rs"]
mod chain;
mod vulkan;

use chain::*;
use vulkan::*;

/// More than any driver has.
const MOST_EXECUTABLES: usize = 8;
const MOST_STATISTICS: usize = 64;
const MOST_LISTINGS: usize = 16;

static MODULES: AtomicUsize = AtomicUsize::new(0);

/// Appends a line; a short one arrives whole, even if several threads write.
fn report(line: &str) {
    let Some(path) = env::var_os("PIPELINES") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn text(characters: &[c_char]) -> String {
    let bytes = characters.iter().map(|c| c.cast_unsigned()).take_while(|byte| *byte != 0);
    String::from_utf8_lossy(&Vec::from_iter(bytes)).into_owned()
}

/// Opens the device with the extension for statistics. A driver without it is used as it is.
unsafe extern "system" fn create_device(
    physical: Handle,
    info: *const DeviceInfo,
    allocator: *const c_void,
    device: *mut Handle,
) -> VkResult {
    // SAFETY: the loader's arguments; the transmuted function has the type that Vulkan gives it; the arrays live until the
    // call returns.
    unsafe {
        let Some(create) = next_create_device(info.cast()) else { return INITIALIZATION_FAILED };
        let create: CreateDevice = mem::transmute(create);
        let mut extensions: Vec<*const c_char> = match (*info).extension_count {
            0 => Vec::new(),
            count => std::slice::from_raw_parts((*info).extensions, count as usize).to_vec(),
        };
        extensions.push(EXTENSION.as_ptr());
        let header = Header { kind: EXECUTABLE_FEATURES, next: (*info).header.next };
        let mut features = ExecutableFeatures { header, info: 1 };
        let mut more = *info;
        more.header.next = (&raw mut features).cast();
        more.extension_count = extensions.len() as u32;
        more.extensions = extensions.as_ptr();
        match create(physical, &more, allocator, device) {
            SUCCESS => SUCCESS,
            _ => create(physical, info, allocator, device),
        }
    }
}

/// The driver's function of a device.
unsafe fn of_device(device: Handle, name: &CStr) -> Function {
    // SAFETY: there is a device.
    unsafe { next_of_device(device, name.as_ptr()) }
}

unsafe extern "system" fn create_module(
    device: Handle,
    info: *const ModuleInfo,
    allocator: *const c_void,
    module: *mut u64,
) -> VkResult {
    // SAFETY: the caller's arguments; functions have the types that Vulkan gives them.
    unsafe {
        if let Some(folder) = env::var_os("MODULES") {
            let number = MODULES.fetch_add(1, Ordering::Relaxed);
            let path = std::path::Path::new(&folder).join(format!("{number:03}.spv"));
            fs::write(path, std::slice::from_raw_parts((*info).code, (*info).bytes)).unwrap();
        }
        let create: CreateModule = mem::transmute(of_device(device, c"vkCreateShaderModule"));
        create(device, info, allocator, module)
    }
}

unsafe extern "system" fn create_pipelines(
    device: Handle,
    cache: u64,
    count: u32,
    infos: *const PipelineInfo,
    allocator: *const c_void,
    pipelines: *mut u64,
) -> VkResult {
    // SAFETY: as for modules.
    unsafe {
        let mut captured = std::slice::from_raw_parts(infos, count as usize).to_vec();
        for info in &mut captured {
            info.flags |= CAPTURE_STATISTICS;
            if env::var_os("LISTINGS").is_some() {
                info.flags |= CAPTURE_LISTINGS;
            }
        }
        let create: CreatePipelines = mem::transmute(of_device(device, c"vkCreateComputePipelines"));
        let result = create(device, cache, count, captured.as_ptr(), allocator, pipelines);
        for pipeline in std::slice::from_raw_parts(pipelines, count as usize) {
            match result {
                SUCCESS => describe(device, *pipeline),
                _ => report(&format!("failed {result}")),
            }
        }
        result
    }
}

/// Reports what the compiler says of a pipeline.
unsafe fn describe(device: Handle, pipeline: u64) {
    // SAFETY: as for modules; `count` is the length of the array behind it.
    unsafe {
        let (properties, statistics) = (
            of_device(device, c"vkGetPipelineExecutablePropertiesKHR"),
            of_device(device, c"vkGetPipelineExecutableStatisticsKHR"),
        );
        let (Some(_), Some(_)) = (properties, statistics) else { return report(&format!("statistics {pipeline:x}")) };
        let (properties, statistics): (GetProperties, GetStatistics) =
            (mem::transmute(properties), mem::transmute(statistics));
        let empty = Properties { header: Header::of(PROPERTIES), ..mem::zeroed() };
        let (mut executables, mut count) = ([empty; MOST_EXECUTABLES], MOST_EXECUTABLES as u32);
        let which = WhichPipeline { header: Header::of(WHICH_PIPELINE), pipeline };
        properties(device, &which, &mut count, executables.as_mut_ptr());
        for (executable, found) in executables.iter().take(count as usize).enumerate() {
            let header = Header::of(WHICH_EXECUTABLE);
            let which = WhichExecutable { header, pipeline, executable: executable as u32 };
            let empty = Statistic { header: Header::of(STATISTIC), ..mem::zeroed() };
            let (mut values, mut count) = ([empty; MOST_STATISTICS], MOST_STATISTICS as u32);
            statistics(device, &which, &mut count, values.as_mut_ptr());
            let mut line = format!("statistics {pipeline:x}\t{}\tsubgroup={}", text(&found.name), found.subgroup_size);
            for value in &values[..count as usize] {
                line += &format!("\t{}={}", text(&value.name), value.value());
            }
            report(&line);
            write_listings(device, &which);
        }
    }
}

/// Writes what the compiler shows of a program.
unsafe fn write_listings(device: Handle, which: &WhichExecutable) {
    let Some(folder) = env::var_os("LISTINGS") else { return };
    // SAFETY: as for modules. The first call gives the lengths, and the second one fills as many bytes.
    unsafe {
        let Some(listings) = of_device(device, c"vkGetPipelineExecutableInternalRepresentationsKHR") else { return };
        let listings: GetListings = mem::transmute(listings);
        let empty = Listing { header: Header::of(LISTING), ..mem::zeroed() };
        let (mut found, mut count) = ([empty; MOST_LISTINGS], MOST_LISTINGS as u32);
        listings(device, which, &mut count, found.as_mut_ptr());
        let mut texts: Vec<Vec<u8>> = found[..count as usize].iter().map(|listing| vec![0; listing.bytes]).collect();
        for (listing, text) in found.iter_mut().zip(&mut texts) {
            listing.data = text.as_mut_ptr();
        }
        listings(device, which, &mut count, found.as_mut_ptr());
        for (listing, bytes) in found.iter().zip(&texts).filter(|(listing, _)| listing.is_text != 0) {
            let name = text(&listing.name).replace(['/', ' '], "_");
            let path = std::path::Path::new(&folder).join(format!("{:x}.{name}.txt", which.pipeline));
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            fs::write(path, &bytes[..end]).unwrap();
        }
    }
}

unsafe extern "system" fn set_name(_device: Handle, info: *const NameInfo) -> VkResult {
    // SAFETY: as for modules.
    unsafe {
        if (*info).kind == OBJECT_IS_PIPELINE && !(*info).name.is_null() {
            let name = CStr::from_ptr((*info).name).to_string_lossy();
            report(&format!("name {:x}\t{name}", (*info).object));
        }
    }
    // Drivers need not know a name.
    SUCCESS
}

/// The layer's own function of a name, if it has one.
fn own(name: &CStr) -> Function {
    // SAFETY: all pointers to functions are alike; Vulkan's caller knows this one's type by its name.
    unsafe {
        match name.to_str().unwrap() {
            "vkCreateShaderModule" => mem::transmute(create_module as CreateModule),
            "vkCreateComputePipelines" => mem::transmute(create_pipelines as CreatePipelines),
            "vkSetDebugUtilsObjectNameEXT" => mem::transmute(set_name as SetName),
            _ => None,
        }
    }
}

/// Finds a function of an instance.
///
/// # Safety
/// As Vulkan has it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn vkGetInstanceProcAddr(instance: Handle, name: *const c_char) -> Function {
    // SAFETY: a name of the loader; functions as in `own`.
    unsafe {
        match CStr::from_ptr(name).to_str().unwrap() {
            "vkGetInstanceProcAddr" => mem::transmute(vkGetInstanceProcAddr as GetProcAddr),
            "vkGetDeviceProcAddr" => mem::transmute(vkGetDeviceProcAddr as GetProcAddr),
            "vkCreateInstance" => mem::transmute(create_instance as CreateInstance),
            "vkCreateDevice" => mem::transmute(create_device as CreateDevice),
            "vkSetDebugUtilsObjectNameEXT" => mem::transmute(set_name as SetName),
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
    // SAFETY: a name of the loader.
    unsafe {
        let name = CStr::from_ptr(name);
        let next = of_device(device, name);
        own(name).or(next)
    }
}
