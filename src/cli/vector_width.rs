//! How many bits llvmpipe, Mesa's software driver, computes at once.
//!
//! The driver takes 256 on every processor with AVX, and more only if the environment says so. On a processor with AVX-512,
//! some of its versions are faster at 512 and others slower, and so are processors. So the first start times a short
//! computation at both widths, each in a process of its own, and remembers the faster one. All of this happens before the
//! driver is loaded, since it reads the environment only once.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use wgrad::{cache, file};

/// The variable with the width, for the driver.
const WIDTH: &str = "LP_NATIVE_VECTOR_WIDTH";

/// The variable with the directory in which the driver keeps compiled shaders.
const SHADERS: &str = "MESA_SHADER_CACHE_DIR";
/// The variable of the environment that has the driver keep no compiled shaders.
const NO_SHADERS: &str = "MESA_SHADER_CACHE_DISABLE";

/// Set in a process that times the computation.
const TRIAL: &str = "WGRAD_VECTOR_WIDTH_TRIAL";

/// The driver's own width, and the one that may be faster.
const WIDTHS: [u32; 2] = [256, 512];

/// The greater width must be faster by this factor.
const GAIN: f64 = 1.05;

/// After this, a trial has failed.
const LONGEST_TRIAL: Duration = Duration::from_secs(10);

/// Largest file of a choice, in bytes.
const MOST_BYTES: u64 = 1 << 16;

/// The usual directories in which the Vulkan loader finds the files that name drivers.
const DRIVERS: [&str; 3] = ["/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"];

/// A width, and what it was chosen for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Choice {
    /// Processor and driver.
    place: String,
    bits: u32,
}

/// Whether this process is to time the computation.
pub fn is_trial() -> bool {
    env::var_os(TRIAL).is_some()
}

/// The variables to set before the driver is loaded.
pub fn variables() -> Vec<(&'static str, OsString)> {
    let given = env::var_os(WIDTH);
    let bits = match &given {
        Some(width) => match width.to_str().and_then(|width| width.trim().parse().ok()) {
            Some(bits) => Some(bits),
            // The driver may read a width here nevertheless, and nobody knows which.
            None => return vec![(NO_SHADERS, "true".into())],
        },
        None if has_avx512() => chosen(cache::directory().as_deref()),
        None => None,
    };
    let Some(bits) = bits.filter(|bits| given.is_some() || *bits != WIDTHS[0]) else { return Vec::new() };
    let set = given.is_none().then(|| (WIDTH, bits.to_string().into()));
    let own_width = bits == WIDTHS[0] && has_avx();
    let parent = env::var_os(SHADERS).map(PathBuf::from).or_else(cache::directory);
    let shaders = (!own_width).then(|| shader_cache(bits, parent.as_deref()));
    set.into_iter().chain(shaders).collect()
}

/// The variable that gives compiled shaders of a width a directory of their own in `parent`, or that keeps none where there
/// can be no such directory. The driver does not tell widths apart: with shaders of another width its results are wrong,
/// without any error. Those of its own width stay where they are.
fn shader_cache(bits: u32, parent: Option<&Path>) -> (&'static str, OsString) {
    let directory = parent.map(|parent| parent.join(format!("llvmpipe-{bits}")));
    // The driver itself does not create the directories above.
    match directory.filter(|directory| fs::create_dir_all(directory).is_ok()) {
        Some(directory) => (SHADERS, directory.into()),
        None => (NO_SHADERS, "true".into()),
    }
}

/// The width that was found to be faster, now or earlier; none if there is nothing to choose, nowhere to remember it, or no
/// result.
fn chosen(directory: Option<&Path>) -> Option<u32> {
    let path = directory?.join("vector-width.json");
    let place = place()?;
    let known = file::read_text(&path, MOST_BYTES).ok().and_then(|text| serde_json::from_str::<Choice>(&text).ok());
    if let Some(known) = known.filter(|known| known.place == place && WIDTHS.contains(&known.bits)) {
        return Some(known.bits);
    }
    // What can't be remembered is not measured, or every start would take longer.
    fs::create_dir_all(directory?).ok()?;
    let mut file = NamedTempFile::new_in(directory?).ok()?;
    let bits = faster(trials())?;
    file.write_all(&serde_json::to_vec(&Choice { place, bits }).ok()?).ok()?;
    file.persist(path).ok()?;
    Some(bits)
}

/// The width to take if the trials took so many seconds. None if the driver's own width has no time: then the machine may
/// only have been too busy, so the next start measures again.
fn faster([narrow, wide]: [Option<f64>; 2]) -> Option<u32> {
    let narrow = narrow?;
    let gains = wide.is_some_and(|wide| wide * GAIN < narrow);
    Some(if gains { WIDTHS[1] } else { WIDTHS[0] })
}

/// Seconds of the computation at each width. Both processes run at the same time, on a core each, if there are two: whatever
/// slows one of them slows the other too.
fn trials() -> [Option<f64>; 2] {
    let children = WIDTHS.map(start);
    let deadline = Instant::now() + LONGEST_TRIAL;
    children.map(|child| seconds_of(child?, deadline))
}

fn start(bits: u32) -> Option<Child> {
    Command::new(env::current_exe().ok()?)
        .env(TRIAL, "1")
        .env(WIDTH, bits.to_string())
        .env("LP_NUM_THREADS", "1")
        .env(NO_SHADERS, "true")
        // A browser's limits leave out subgroups, and the choice is for all later starts.
        .env_remove("WGRAD_LIMITS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

fn seconds_of(mut child: Child, deadline: Instant) -> Option<f64> {
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok().filter(|_| output.status.success())
}

/// The processor, and the files of drivers that may be llvmpipe's with the times of their last change: an update of the
/// driver changes them. None where no driver may be llvmpipe.
fn place() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let processor = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"].into_iter().filter_map(env::var_os);
    let named: Vec<PathBuf> = named.flat_map(|paths| env::split_paths(&paths).collect::<Vec<_>>()).collect();
    let installed = DRIVERS.into_iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    let mut files: Vec<PathBuf> = installed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("lvp")));
    files.extend(named);
    files.sort();
    let changed = |path: &PathBuf| {
        let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{} of {}", path.display(), since.as_secs()))
    };
    let drivers: Vec<String> = files.iter().filter_map(changed).collect();
    let processor = processor.trim_start_matches([' ', '\t', ':']);
    (!drivers.is_empty()).then(|| format!("{processor}, {}", drivers.join(", ")))
}

/// Whether the processor has what LLVM needs to compute 512 bits at once.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

/// Whether the driver's own width is 256.
#[cfg(target_arch = "x86_64")]
fn has_avx() -> bool {
    std::arch::is_x86_feature_detected!("avx")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_width_must_be_clearly_faster() {
        assert_eq!(faster([Some(1.0), Some(0.5)]), Some(512));
        for slower in [[Some(1.0), Some(0.97)], [Some(1.0), Some(2.0)], [Some(1.0), None]] {
            assert_eq!(faster(slower), Some(256), "{slower:?}");
        }
        for unknown in [[None, Some(0.5)], [None; 2]] {
            assert_eq!(faster(unknown), None, "{unknown:?}");
        }
    }

    /// Shaders of two widths never lie in one directory.
    #[test]
    fn every_width_has_a_directory_of_shaders() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("none").join("yet");
        let places = [128, 256, 512].map(|bits| shader_cache(bits, Some(&parent)));
        for (i, (name, place)) in places.iter().enumerate() {
            assert!(*name == SHADERS && Path::new(place).is_dir(), "{places:?}");
            assert!(places[..i].iter().all(|(_, other)| other != place), "{places:?}");
        }
        fs::write(folder.path().join("file"), "").unwrap();
        for parent in [None, Some(folder.path().join("file"))] {
            assert_eq!(shader_cache(512, parent.as_deref()).0, "MESA_SHADER_CACHE_DISABLE");
        }
    }

    #[test]
    fn a_choice_is_remembered_for_its_processor_and_driver() {
        let (folder, Some(place)) = (tempfile::tempdir().unwrap(), place()) else { return };
        let path = folder.path().join("vector-width.json");
        for bits in WIDTHS {
            fs::write(&path, serde_json::to_string(&Choice { place: place.clone(), bits }).unwrap()).unwrap();
            assert_eq!(chosen(Some(folder.path())), Some(bits));
        }
        assert_eq!(chosen(None), None);
    }
}
