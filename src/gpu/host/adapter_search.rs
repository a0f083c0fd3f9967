//! Which of the adapters is meant, and what to say where none is.

use super::{AdapterReport, GpuError};

/// Variables by which the environment says which Vulkan drivers are loaded, as LoaderDriverInterface.md of the Vulkan
/// loader lists them.
const DRIVER_VARIABLES: [&str; 4] =
    ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_LOADER_DRIVERS_SELECT", "VK_LOADER_DRIVERS_DISABLE"];

/// A search for an adapter, and what it found.
pub(super) struct Search<'a> {
    /// Part of a name, a number, or `software`; any adapter will do if absent.
    pub wanted: Option<&'a str>,
    /// The only backend that was searched, if one was asked for.
    pub backend: Option<wgpu::Backend>,
    /// Whether adapters below WebGPU's default limits were left out.
    pub default_limits: bool,
    /// The adapters of that backend.
    pub found: &'a [AdapterReport],
}

/// The index of the adapter that is meant: of those that compute, the one of that name or number, or the best.
pub(super) fn select(reports: &[AdapterReport], wanted: Option<&str>) -> Option<usize> {
    let mut usable = (0..reports.len()).filter(|index| reports[*index].compute);
    match wanted {
        None => usable.min_by_key(|index| rank(reports[*index].info.device_type)),
        Some("") => None,
        Some("software") => usable.find(|index| reports[*index].info.device_type == wgpu::DeviceType::Cpu),
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(number) => usable.find(|index| *index == number),
            Err(_) => usable.find(|index| reports[*index].info.name.to_lowercase().contains(&wanted.to_lowercase())),
        },
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

impl Search<'_> {
    /// Why the search failed, and what to do. `others` are the adapters of all backends but GL, whatever their limits.
    pub fn failure(&self, others: &[AdapterReport]) -> GpuError {
        let through = self.backend.map_or(String::new(), |backend| format!(" through the {backend} backend"));
        let other = select(others, self.wanted).filter(|_| self.backend.is_some() || self.default_limits);
        let other = other.map(|index| self.without_conditions(&others[index]));
        let any = self.found.iter().any(|report| report.compute);
        match self.wanted {
            Some(wanted) if any && wanted != "software" => {
                let mut found = format!("there are{through}: {}", names(self.found));
                if let Some(other) = other {
                    found = format!("{found}; {other}");
                }
                GpuError::UnknownAdapter { wanted: wanted.into(), found }
            }
            _ => {
                let found = match self.found {
                    [] => format!("none was found{through}"),
                    found if any => format!("none of these is a software adapter{through}: {}", names(found)),
                    found => format!("none of these runs compute shaders{through}: {}", names(found)),
                };
                GpuError::NoAdapter { found, remedy: other.unwrap_or_else(software_driver_hint) }
            }
        }
    }

    /// Says that an adapter would be found if less were asked for.
    fn without_conditions(&self, other: &AdapterReport) -> String {
        let backend = self.backend.map(|backend| format!("the {backend} backend"));
        let limits = self.default_limits.then(|| "WGRAD_LIMITS=webgpu".to_owned());
        let conditions = backend.into_iter().chain(limits).collect::<Vec<_>>().join(" and ");
        format!("without {conditions} there is `{}` ({})", other.info.name, other.info.backend)
    }
}

fn names(reports: &[AdapterReport]) -> String {
    let name = |(index, report): (usize, &AdapterReport)| {
        let unusable = if report.compute { "" } else { ", no compute shaders" };
        format!("{index} `{}` ({}{unusable})", report.info.name, report.info.backend)
    };
    reports.iter().enumerate().map(name).collect::<Vec<_>>().join(", ")
}

/// How to get a software adapter on this system.
fn software_driver_hint() -> String {
    if cfg!(windows) {
        "to compute on the CPU, update Windows: its software adapter (WARP) comes with DirectX 12".into()
    } else if cfg!(target_os = "macos") {
        "update macOS: every Mac that runs 10.13 or later has Metal".into()
    } else {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let variable = DRIVER_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some());
        linux_hint(&release, variable)
    }
}

/// The command for the distribution that `/etc/os-release` names, or for one that it says it is like. A variable of the
/// environment may keep a driver that is installed from being found.
fn linux_hint(release: &str, variable: Option<&str>) -> String {
    let is = |name: &str| release.lines().any(|line| line.starts_with("ID") && line.contains(name));
    let command = if is("debian") || is("ubuntu") {
        "install the software Vulkan driver: sudo apt-get install mesa-vulkan-drivers"
    } else if is("fedora") || is("rhel") {
        "install the software Vulkan driver: sudo dnf install mesa-vulkan-drivers"
    } else if is("arch") {
        "install the software Vulkan driver: sudo pacman -S vulkan-swrast vulkan-icd-loader"
    } else {
        "install Mesa's software Vulkan driver: the package mesa-vulkan-drivers (Debian, Ubuntu, Fedora) or vulkan-swrast (Arch)"
    };
    match variable {
        Some(name) => {
            format!(
                "{name} is set and says which Vulkan drivers are loaded: unset it; if that does not help, {command}"
            )
        }
        None => format!("to compute on the CPU, {command}"),
    }
}

#[cfg(test)]
mod tests {
    use wgpu::Backend::{Gl, Vulkan};
    use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu};

    use super::*;

    fn adapter(name: &str, device_type: wgpu::DeviceType, backend: wgpu::Backend, compute: bool) -> AdapterReport {
        let mut info = wgpu::AdapterInfo::new(device_type, backend);
        info.name = name.into();
        AdapterReport { info, compute, max_binding: 0, subgroups: false, updates_images: false, timestamps: false }
    }

    #[test]
    fn the_best_adapter_is_taken_unless_one_is_asked_for() {
        let adapters = [
            adapter("llvmpipe", Cpu, Vulkan, true),
            adapter("Old", DiscreteGpu, Vulkan, false),
            adapter("Iris Xe", IntegratedGpu, Vulkan, true),
            adapter("GeForce", DiscreteGpu, Vulkan, true),
        ];
        for (wanted, index) in
            [(None, 3), (Some("iris"), 2), (Some("software"), 0), (Some("0"), 0), (Some("2"), 2), (Some("GEFORCE"), 3)]
        {
            assert_eq!(select(&adapters, wanted), Some(index), "{wanted:?}");
        }
        for wanted in ["Radeon", "9", "1", "old", ""] {
            assert_eq!(select(&adapters, Some(wanted)), None, "{wanted}");
        }
    }

    /// Every way to find nothing: what was asked for, what that finds, what there is besides, and what is said.
    #[test]
    fn a_failed_search_says_what_there_is_and_what_to_do() {
        let llvmpipe = adapter("llvmpipe", Cpu, Vulkan, true);
        let geforce = adapter("GeForce", DiscreteGpu, Vulkan, true);
        let old = adapter("Old", DiscreteGpu, Gl, false);
        let gl = adapter("Iris", IntegratedGpu, Gl, true);
        let (none, install) = (&[][..], "install");
        let one = std::slice::from_ref::<AdapterReport>;
        for (wanted, backend, default_limits, found, others, parts) in [
            (None, None, false, none, none, &["none was found;", install][..]),
            (Some("software"), None, false, none, none, &["none was found;", install]),
            (Some("0"), None, false, none, none, &["none was found;", install]),
            (None, Some(Vulkan), false, none, none, &["none was found through the vulkan backend", install]),
            (None, None, false, one(&old), one(&old), &["runs compute shaders: 0 `Old` (gl", install]),
            (Some("software"), None, false, one(&geforce), one(&geforce), &["0 `GeForce` (vulkan)", install]),
            (
                Some("radeon"),
                None,
                false,
                one(&geforce),
                one(&geforce),
                &["no adapter matches `radeon`", "0 `GeForce`"],
            ),
            (Some(""), None, false, one(&geforce), one(&geforce), &["no adapter matches ``", "0 `GeForce`"]),
            // The driver of another backend is there: there is nothing to install.
            (None, Some(Gl), false, none, one(&llvmpipe), &["without the gl backend there is `llvmpipe` (vulkan)"]),
            (None, Some(Gl), false, one(&old), one(&geforce), &["`Old`", "without the gl backend there is `GeForce`"]),
            (Some("software"), Some(Gl), false, one(&gl), one(&llvmpipe), &["`Iris` (gl)", "there is `llvmpipe`"]),
            (Some("llvm"), Some(Gl), false, one(&gl), one(&llvmpipe), &["matches `llvm`", "`Iris`", "is `llvmpipe`"]),
            (
                Some("radeon"),
                Some(Gl),
                false,
                one(&gl),
                one(&llvmpipe),
                &["matches `radeon`", "backend: 0 `Iris` (gl)"],
            ),
            (None, None, true, none, one(&geforce), &["without WGRAD_LIMITS=webgpu there is `GeForce` (vulkan)"]),
            (None, Some(Gl), true, none, one(&geforce), &["without the gl backend and WGRAD_LIMITS=webgpu there is"]),
            (None, None, true, none, none, &["none was found;", install]),
        ] {
            let error = Search { wanted, backend, default_limits, found }.failure(others).to_string();
            for part in parts {
                // What to install depends on the system.
                let part = if *part == install { software_driver_hint() } else { (*part).to_owned() };
                assert!(error.contains(&part), "no `{part}`: {error}");
            }
            assert_eq!(error.contains(&software_driver_hint()), parts.contains(&install), "{error}");
            assert!(!error.contains('\n'));
        }
    }

    #[test]
    fn linux_is_told_what_to_install_and_which_variable_hides_drivers() {
        for (release, command) in [
            ("ID=debian\n", "apt-get"),
            ("NAME=Mint\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get"),
            ("ID=fedora\n", "dnf"),
            ("ID=manjaro\nID_LIKE=arch\n", "pacman"),
            ("", "vulkan-swrast (Arch)"),
        ] {
            assert!(linux_hint(release, None).contains(command), "{release}");
            let hint = linux_hint(release, Some("VK_ICD_FILENAMES"));
            assert!(hint.starts_with("VK_ICD_FILENAMES is set") && hint.contains(command), "{hint}");
        }
    }
}
