//! Memory of the host. A software adapter keeps its tensors there.

use super::control_group;

/// Address space in bytes that Mesa's software driver needs for its threads and compiler. With less, it crashes.
const DRIVER: u64 = 1 << 30;

/// Bytes that are left for compiling shaders and for all else that a run keeps on the host.
const RESERVE: u64 = 192 << 20;

/// The limit on the address space of this process in bytes, if it is too low for a driver.
pub(super) fn low_limit() -> Option<u64> {
    address_space(&read("/proc/self/limits")).filter(|limit| *limit < DRIVER)
}

/// Bytes that tensors may take: the least of what the system has left and what this process and its container may still
/// take. `None` if the system does not say.
pub(super) fn left() -> Option<u64> {
    let [memory, limits, status] = ["/proc/meminfo", "/proc/self/limits", "/proc/self/status"].map(read);
    left_of(&memory, &limits, &status, control_group::left())
}

fn left_of(memory: &str, limits: &str, status: &str, group: Option<u64>) -> Option<u64> {
    let allowed = address_space(limits).zip(kilobytes(status, "VmSize:"));
    let allowed = allowed.map(|(limit, taken)| limit.saturating_sub(taken));
    let left = kilobytes(memory, "MemAvailable:").into_iter().chain(allowed).chain(group).min()?;
    Some(left.saturating_sub(RESERVE))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The soft limit on the address space in bytes, from `/proc/self/limits`, if there is one.
fn address_space(limits: &str) -> Option<u64> {
    value(limits, "Max address space")?.parse().ok()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    Some(1024 * value(text, name)?.parse::<u64>().ok()?)
}

fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: &str = "MemTotal:       24684024 kB\nMemFree: 100 kB\nMemAvailable:    2000000 kB\n";
    const STATUS: &str = "Name:\twgrad\nVmPeak:\t  900000 kB\nVmSize:\t  800000 kB\n";
    const UNLIMITED: &str =
        "Max cpu time   unlimited  unlimited  seconds\nMax address space  unlimited  unlimited  bytes\n";
    const LIMITED: &str = "Max address space         1024000000           1024000000           bytes\n";

    #[test]
    fn the_smallest_remainder_counts() {
        assert_eq!(left_of(MEMORY, UNLIMITED, STATUS, None), Some(2_000_000 * 1024 - RESERVE));
        assert_eq!(left_of(MEMORY, LIMITED, STATUS, None), Some(1_024_000_000 - 800_000 * 1024 - RESERVE));
        assert_eq!(left_of(MEMORY, LIMITED, STATUS, Some(RESERVE + 7)), Some(7));
        assert_eq!(left_of("", LIMITED, "VmSize: 2000000 kB", None), Some(0));
        assert_eq!(left_of("", "", "", None), None);
    }

    #[test]
    fn a_limit_is_a_number_of_bytes() {
        assert_eq!(address_space(LIMITED), Some(1_024_000_000));
        assert_eq!(address_space(UNLIMITED), None);
    }
}
