//! Memory that a container or a job of a scheduler may take. Linux limits it by control groups, and `MemAvailable` does
//! not include those limits. Their files are described in <https://docs.kernel.org/admin-guide/cgroup-v2.html#memory> and
//! <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>.

use std::fs::read_to_string;
use std::path::Path;

/// The directory in which control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// One of the two versions of control groups: the directory of its groups below the root, and the names of its files.
struct Version {
    directory: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// Start of the line of `memory.stat` with the bytes that the kernel frees before it enforces the limit.
    reclaimable: &'static str,
}

const FIRST: Version = Version {
    directory: "memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file ",
};

const SECOND: Version =
    Version { directory: "", limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file " };

/// Bytes that this process may still take within the limits of its groups, or `None` if there are no limits.
pub(super) fn left() -> Option<u64> {
    left_below(Path::new(ROOT), &read_to_string("/proc/self/cgroup").unwrap_or_default())
}

fn left_below(root: &Path, groups: &str) -> Option<u64> {
    let left = |line: &str| {
        // A line has the group's number, its controllers and its path. The second version names no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let version = match parts.next()? {
            "" => SECOND,
            controllers if controllers.split(',').any(|name| name == "memory") => FIRST,
            _ => return None,
        };
        // The limits of the groups above hold too. In a container that sees only its own group, that group is the root.
        let path = Path::new(parts.next()?.trim_start_matches('/'));
        path.ancestors().filter_map(|group| version.left(&root.join(version.directory).join(group))).min()
    };
    groups.lines().filter_map(left).min()
}

impl Version {
    fn left(&self, group: &Path) -> Option<u64> {
        let read = |name| read_to_string(group.join(name)).ok();
        // Without a limit the file has `max` instead of a number.
        let number = |name| read(name)?.trim().parse::<u64>().ok();
        let stat = read("memory.stat").unwrap_or_default();
        let reclaimable = stat.lines().find_map(|line| line.strip_prefix(self.reclaimable)?.parse::<u64>().ok());
        let taken = number(self.usage)?.saturating_sub(reclaimable.unwrap_or(0));
        Some(number(self.limit)?.saturating_sub(taken))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn group(path: &Path, version: &Version, [limit, usage, reclaimable]: [&str; 3]) {
        fs::create_dir_all(path).unwrap();
        for (name, text) in [(version.limit, limit), (version.usage, usage)] {
            fs::write(path.join(name), format!("{text}\n")).unwrap();
        }
        let stat = format!("cache 1\ninactive_anon 2\n{}{reclaimable}\nunevictable 0\n", version.reclaimable);
        fs::write(path.join("memory.stat"), stat).unwrap();
    }

    #[test]
    fn the_tightest_limit_of_all_groups_above_counts() {
        let root = tempfile::tempdir().unwrap();
        let place = |path: &str| root.path().join(path);
        group(&place("slice"), &SECOND, ["1000", "400", "100"]);
        group(&place("slice/run"), &SECOND, ["max", "300", "0"]);
        group(&place("other"), &SECOND, ["10", "0", "0"]);
        group(&place("memory"), &FIRST, ["9223372036854771712", "5000", "0"]);
        group(&place("memory/box"), &FIRST, ["900", "700", "50"]);
        for (groups, left) in [
            ("0::/slice/run\n", Some(700)),
            ("4:cpu,memory:/box\n0::/slice/run\n", Some(250)),
            ("4:memory:/box/gone\n", Some(250)),
            ("4:cpu:/box\n", None),
            ("0::/\n", None),
            ("damaged", None),
            ("", None),
        ] {
            assert_eq!(left_below(root.path(), groups), left, "{groups}");
        }
        group(root.path(), &SECOND, ["64", "100", "0"]);
        assert_eq!(left_below(root.path(), "0::/\n"), Some(0));
    }
}
