//! Which adapter to compute on.

use super::{Gpu, GpuError, host_memory};

/// Environment variable that says which limits a device is opened with: `webgpu`, or the adapter's own if unset.
const LIMITS: &str = "WGRAD_LIMITS";

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct AdapterChoice {
    /// Part of a name, a number from the list, or `software`; the best there is if absent.
    pub adapter: Option<String>,
    /// `vulkan`, `metal`, `dx12` or `gl`; any if absent.
    pub backend: Option<wgpu::Backend>,
    /// Open the device with WebGPU's default limits and no feature, whatever the adapter has; `WGRAD_LIMITS=webgpu` in
    /// the environment does the same for all of a process.
    pub default_limits: bool,
}

/// An adapter as listed.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// Name, type, driver, backend.
    pub info: wgpu::AdapterInfo,
    /// Whether it runs compute shaders.
    pub compute: bool,
    /// Largest storage binding in bytes.
    pub max_binding: u64,
    /// Whether shaders may use subgroups.
    pub subgroups: bool,
    /// Whether shaders may update an image of floats in place.
    pub updates_images: bool,
    /// Whether the device takes the time itself.
    pub timestamps: bool,
}

/// Lists the adapters, in the order that numbers refer to.
pub fn list_adapters(backend: Option<wgpu::Backend>) -> Vec<AdapterReport> {
    pollster::block_on(enumerate(backend, false)).iter().map(report).collect()
}

async fn enumerate(backend: Option<wgpu::Backend>, strict: bool) -> Vec<wgpu::Adapter> {
    // GL has no storage textures and few limits; it is taken only when asked for.
    let backends = backend.map_or(wgpu::Backends::PRIMARY, wgpu::Backends::from);
    let mut flags = wgpu::InstanceFlags::default();
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

fn updates_images(adapter: &wgpu::Adapter) -> bool {
    let format = adapter.get_texture_format_features(wgpu::TextureFormat::Rgba32Float);
    adapter.features().contains(wgpu::Features::TEXTURE_ADAPTER_SPECIFIC_FORMAT_FEATURES)
        && format.flags.contains(wgpu::TextureFormatFeatureFlags::STORAGE_READ_WRITE)
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
    /// Opens the adapter of `choice`: without a wish, the first discrete GPU, else integrated, virtual, software.
    ///
    /// # Errors
    /// No adapter, no match, or it does not open.
    pub async fn open(choice: &AdapterChoice) -> Result<Self, GpuError> {
        if let Some(limit) = host_memory::low_limit() {
            return Err(GpuError::AddressSpace(limit));
        }
        let default_limits = choice.default_limits || wants_default_limits()?;
        let adapters = enumerate(choice.backend, default_limits).await;
        let reports: Vec<_> = adapters.iter().map(report).collect();
        let index = select(&reports, choice.adapter.as_deref())?;
        let adapter = &adapters[index];
        let (limits, features) = if default_limits {
            (wgpu::Limits::default(), wgpu::Features::empty())
        } else {
            let mut wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY;
            wanted.set(wgpu::Features::TEXTURE_ADAPTER_SPECIFIC_FORMAT_FEATURES, updates_images(adapter));
            (adapter.limits(), adapter.features() & wanted)
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgrad"),
            required_features: features,
            required_limits: limits,
            ..Default::default()
        };
        let info = adapter.get_info();
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| GpuError::Open { adapter: info.name.clone(), reason: error.to_string() })?;
        Ok(Self::new(device, queue, info))
    }

    /// [`Gpu::open`], waiting.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn open_blocking(choice: &AdapterChoice) -> Result<Self, GpuError> {
        pollster::block_on(Self::open(choice))
    }
}

fn select(reports: &[AdapterReport], wanted: Option<&str>) -> Result<usize, GpuError> {
    let usable = |index: &usize| reports[*index].compute;
    let found = match reports {
        [] => "no adapter was found".to_owned(),
        _ => names(reports),
    };
    if !(0..reports.len()).any(|index| usable(&index)) {
        return Err(GpuError::NoAdapter { found, remedy: software_driver_hint() });
    }
    let is_software = |index: &usize| reports[*index].info.device_type == wgpu::DeviceType::Cpu;
    let choice = match wanted {
        None => (0..reports.len()).filter(usable).min_by_key(|index| rank(reports[*index].info.device_type)),
        Some("software") => (0..reports.len()).filter(usable).find(is_software),
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(index) => Some(index).filter(|index| *index < reports.len()).filter(usable),
            Err(_) => (0..reports.len())
                .filter(usable)
                .find(|index| reports[*index].info.name.to_lowercase().contains(&wanted.to_lowercase())),
        },
    };
    match (choice, wanted) {
        (Some(index), _) => Ok(index),
        (None, Some("software")) => Err(GpuError::NoAdapter { found, remedy: software_driver_hint() }),
        (None, wanted) => Err(GpuError::UnknownAdapter { wanted: wanted.unwrap_or_default().into(), found }),
    }
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn names(reports: &[AdapterReport]) -> String {
    let name = |(index, report): (usize, &AdapterReport)| {
        let unusable = if report.compute { "" } else { ", no compute shaders" };
        format!("{index} `{}` ({:?}{unusable})", report.info.name, report.info.backend)
    };
    reports.iter().enumerate().map(name).collect::<Vec<_>>().join(", ")
}

/// How to get a software driver on this system.
fn software_driver_hint() -> String {
    let command = if cfg!(windows) {
        "update Windows: its software adapter (WARP) comes with DirectX 12"
    } else if cfg!(target_os = "macos") {
        "update macOS: every Mac that runs 10.13 or later has Metal"
    } else {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        linux_command(&release)
    };
    format!("to compute on the CPU, {command}")
}

/// The command for the distribution that `/etc/os-release` names, itself or as what it is like.
fn linux_command(release: &str) -> &'static str {
    let is = |name: &str| release.lines().any(|line| line.starts_with("ID") && line.contains(name));
    if is("debian") || is("ubuntu") {
        "install the software driver: sudo apt-get install mesa-vulkan-drivers"
    } else if is("fedora") || is("rhel") {
        "install the software driver: sudo dnf install mesa-vulkan-drivers"
    } else if is("arch") {
        "install the software driver: sudo pacman -S vulkan-swrast vulkan-icd-loader"
    } else {
        "install Mesa's software driver: the package mesa-vulkan-drivers (Debian, Ubuntu, Fedora) or vulkan-swrast (Arch)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, device_type: wgpu::DeviceType, compute: bool) -> AdapterReport {
        let mut info = wgpu::AdapterInfo::new(device_type, wgpu::Backend::Vulkan);
        info.name = name.into();
        AdapterReport { info, compute, max_binding: 0, subgroups: false, updates_images: false, timestamps: false }
    }

    #[test]
    fn the_best_adapter_is_taken_unless_one_is_asked_for() {
        let adapters = [
            adapter("llvmpipe", wgpu::DeviceType::Cpu, true),
            adapter("Old", wgpu::DeviceType::DiscreteGpu, false),
            adapter("Iris Xe", wgpu::DeviceType::IntegratedGpu, true),
            adapter("GeForce", wgpu::DeviceType::DiscreteGpu, true),
        ];
        for (wanted, index) in
            [(None, 3), (Some("iris"), 2), (Some("software"), 0), (Some("0"), 0), (Some("2"), 2), (Some("GEFORCE"), 3)]
        {
            assert_eq!(select(&adapters, wanted), Ok(index), "{wanted:?}");
        }
        for wanted in ["Radeon", "9", "1", "old"] {
            let error = select(&adapters, Some(wanted)).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains("2 `Iris Xe`") && error.contains("no compute"), "{error}");
        }
    }

    #[test]
    fn without_an_adapter_the_error_says_what_to_install() {
        let only_old = [adapter("Old", wgpu::DeviceType::DiscreteGpu, false)];
        for (adapters, found) in [(&[][..], "no adapter was found"), (&only_old[..], "`Old`")] {
            for wanted in [None, Some("software"), Some("0")] {
                let error = select(adapters, wanted).unwrap_err().to_string();
                assert!(error.contains(found) && error.contains("to compute on the CPU"), "{error}");
                assert!(!error.contains('\n'));
            }
        }
        for (release, command) in [
            ("ID=debian\n", "apt-get"),
            ("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get"),
            ("ID=fedora\n", "dnf"),
            ("ID=manjaro\nID_LIKE=arch\n", "pacman"),
            ("", "vulkan-swrast (Arch)"),
        ] {
            assert!(linux_command(release).contains(command), "{release}");
        }
    }
}
