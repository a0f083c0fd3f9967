//! Adapters: what there is, and opening the one that the user means.

use super::adapter_search::{Search, select};
use super::{Gpu, GpuError, host_memory};
use crate::gpu::adapter::updates_images;

/// Environment variable with the limits that a device is opened with: `webgpu` for WebGPU's default limits. If it is unset,
/// the limits of the adapter are used.
const LIMITS: &str = "WGRAD_LIMITS";

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct AdapterChoice {
    /// Part of a name, a number from [`list_adapters`], or `software`. Without it, the best adapter is taken.
    pub adapter: Option<String>,
    /// Vulkan, Metal, DX12 or GL. Without it, the adapters of all backends but GL are considered.
    pub backend: Option<wgpu::Backend>,
    /// Opens the device with WebGPU's default limits and without optional features, even if the adapter has more.
    /// `WGRAD_LIMITS=webgpu` in the environment does the same for the whole process.
    pub default_limits: bool,
}

/// An adapter as listed.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Name, type, driver, backend.
    pub info: wgpu::AdapterInfo,
    /// Whether it runs compute shaders.
    pub compute: bool,
    /// Largest size of a storage binding in bytes.
    pub max_binding: u64,
    /// Whether shaders may use subgroups.
    pub subgroups: bool,
    /// Whether shaders may update an image of floats in place.
    pub updates_images: bool,
    /// Whether the device can record timestamps.
    pub timestamps: bool,
}

/// Lists the adapters of one backend, or of all but GL. An adapter's place in the list is its number.
///
/// # Errors
/// The backend does not exist on this system.
pub fn list_adapters(backend: Option<wgpu::Backend>) -> Result<Vec<AdapterReport>, GpuError> {
    check_backend(backend)?;
    Ok(pollster::block_on(enumerate(backend, false)).iter().map(report).collect())
}

/// Fails where this build of wgrad, and so this operating system, does not have the backend.
fn check_backend(backend: Option<wgpu::Backend>) -> Result<(), GpuError> {
    let here = wgpu::Instance::enabled_backend_features();
    match backend {
        Some(backend) if !here.contains(backend.into()) => {
            let here = wgpu::Backend::ALL.into_iter().filter(|backend| here.contains((*backend).into()));
            let here = here.map(wgpu::Backend::to_str).collect::<Vec<_>>().join(", ");
            Err(GpuError::NoBackend { backend: backend.to_string(), here })
        }
        _ => Ok(()),
    }
}

async fn enumerate(backend: Option<wgpu::Backend>, strict: bool) -> Vec<wgpu::Adapter> {
    // GL has no storage textures and low limits, and loading it looks for a display: only on request.
    let backends = backend.map_or(wgpu::Backends::PRIMARY, wgpu::Backends::from);
    // WGPU_DEBUG=1 gives the driver the names of pipelines, for tools that show them.
    let mut flags = wgpu::InstanceFlags::default().with_env();
    flags.set(wgpu::InstanceFlags::STRICT_WEBGPU_COMPLIANCE, strict);
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    instance.enumerate_adapters(backends).await
}

fn report(adapter: &wgpu::Adapter) -> AdapterReport {
    let downlevel = adapter.get_downlevel_capabilities();
    AdapterReport {
        info: adapter.get_info(),
        compute: downlevel.flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS),
        max_binding: adapter.limits().max_storage_buffer_binding_size,
        subgroups: adapter.features().contains(wgpu::Features::SUBGROUP),
        updates_images: updates_images(adapter),
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
    }
}

/// Whether the environment asks for WebGPU's default limits.
fn wants_default_limits() -> Result<bool, GpuError> {
    match std::env::var_os(LIMITS) {
        None => Ok(false),
        Some(value) if value == "webgpu" => Ok(true),
        Some(value) => Err(GpuError::UnknownLimits(value.to_string_lossy().into_owned())),
    }
}

impl Gpu {
    /// Opens the adapter of `choice`. If it names none, the first discrete GPU is opened; if there is none, the first
    /// integrated one, then a virtual one, then a software adapter.
    ///
    /// # Errors
    /// There is no such adapter or backend, the adapter does not open, `WGRAD_LIMITS` is something else than `webgpu`, or
    /// the process may have too little address space for a driver.
    pub async fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        if let Some(limit) = host_memory::low_limit() {
            return Err(GpuError::AddressSpace(limit));
        }
        check_backend(choice.backend)?;
        let default_limits = choice.default_limits || wants_default_limits()?;
        let adapters = enumerate(choice.backend, default_limits).await;
        let reports: Vec<_> = adapters.iter().map(report).collect();
        let wanted = choice.adapter.as_deref();
        let Some(index) = select(&reports, wanted) else {
            let search = Search { wanted, backend: choice.backend, default_limits, found: &reports };
            let others: Vec<_> = enumerate(None, false).await.iter().map(report).collect();
            return Err(search.failure(&others));
        };
        let mut gpu = Self::of_adapter(&adapters[index], default_limits).await?;
        gpu.memory_left = host_memory::left;
        Ok(gpu)
    }

    /// Does what [`Gpu::open`] does, and waits for it.
    ///
    /// Mesa's software driver takes the number of bits that it computes at once from the environment. If a program sets
    /// `LP_NATIVE_VECTOR_WIDTH`, it must give each width a `MESA_SHADER_CACHE_DIR` of its own: with compiled shaders of another
    /// width the driver computes wrong results.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open_blocking(choice: &AdapterChoice) -> Result<Self, GpuError> {
        pollster::block_on(Self::open(choice))
    }
}
