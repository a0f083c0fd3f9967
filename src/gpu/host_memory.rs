//! Memory of the host, which is a software adapter's own.

use super::control_group;

/// Address space that Mesa's software driver takes with its threads and compiler; given less, it crashes.
const DRIVER: u64 = 1 << 30;

/// Bytes that shaders take while they are compiled, and that the rest of a run takes on the host.
const RESERVE: u64 = 192 << 20;

/// A limit on the address space that is too low for any driver, in bytes.
pub(super) fn low_limit() -> Option<u64> {
    address_space(&read("/proc/self/limits")).filter(|limit| *limit < DRIVER)
}

/// Bytes that tensors may take: no more than the system has left, and no more than this process or its container may
/// have. None where the system does not say.
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

/// The soft limit, if there is one.
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
    fn the_least_of_what_is_left_counts() {
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
