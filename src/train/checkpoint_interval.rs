//! How often checkpoints are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The steps or the time between two checkpoints. Written as `500` or `60s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointInterval {
    /// The number of steps, 1 or more.
    Steps(usize),
    /// The time; a checkpoint follows the first step that ends later.
    Time(Duration),
}

impl Default for CheckpointInterval {
    /// A minute: a kill loses no more than that, and writing a checkpoint takes milliseconds.
    fn default() -> Self {
        Self::Time(Duration::from_secs(60))
    }
}

impl CheckpointInterval {
    /// Whether it has passed, `steps` and `time` after a checkpoint.
    pub fn has_passed(self, steps: usize, time: Duration) -> bool {
        match self {
            Self::Steps(interval) => steps >= interval,
            Self::Time(interval) => time >= interval,
        }
    }
}

impl fmt::Display for CheckpointInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps}"),
            Self::Time(time) => write!(f, "{}s", time.as_secs_f64()),
        }
    }
}

impl FromStr for CheckpointInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let interval = match text.strip_suffix('s') {
            Some(seconds) => {
                seconds.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()).map(CheckpointInterval::Time)
            }
            None => text.parse().ok().filter(|steps| *steps > 0).map(CheckpointInterval::Steps),
        };
        interval.ok_or_else(|| format!("`{text}` is not an interval; give steps, as in 500, or seconds, as in 60s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_seconds_are_read() {
        for text in ["1", "500", "60s", "0.5s", "0s"] {
            assert_eq!(text.parse::<CheckpointInterval>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "s", "-1s", "nans", "infs", "1e300s", "5m"] {
            let error = text.parse::<CheckpointInterval>().unwrap_err();
            assert!(error.contains("500") && error.contains("60s"), "{error}");
        }
    }

    #[test]
    fn either_passes_at_its_own_measure() {
        let (steps, time): (CheckpointInterval, CheckpointInterval) = ("3".parse().unwrap(), "2s".parse().unwrap());
        let day = Duration::from_secs(86_400);
        assert_eq!([2, 3].map(|n| steps.has_passed(n, day)), [false, true]);
        assert_eq!([1.9, 2.0].map(|s| time.has_passed(1_000, Duration::from_secs_f64(s))), [false, true]);
    }
}
