//! Shows how much of a data set is downloaded or decoded.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The shortest time between two plain lines.
const INTERVAL: Duration = Duration::from_secs(2);

/// A bar if standard error is a terminal, otherwise a line every few seconds.
pub(super) struct Progress {
    bar: ProgressBar,
    done: &'static str,
    tenths: u64,
    printed: Instant,
}

impl Progress {
    /// A bar up to `total`, drawn by indicatif's `template`; each plain line begins with `done`.
    pub fn new(total: u64, template: &str, done: &'static str) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { bar, done, tenths: 0, printed: Instant::now() }
    }

    /// Shows that `position` of the total is done.
    pub fn at(&mut self, position: u64) {
        self.bar.set_position(position);
        let tenths = position * 10 / self.bar.length().unwrap_or(0).max(1);
        if self.bar.is_hidden() && tenths > self.tenths && self.printed.elapsed() >= INTERVAL {
            eprintln!("{} {} %", self.done, tenths * 10);
            self.tenths = tenths;
            self.printed = Instant::now();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
