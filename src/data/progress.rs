//! How far a data set is fetched or decoded.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two plain lines, at least.
const INTERVAL: Duration = Duration::from_secs(2);

/// A bar where standard error is a terminal, elsewhere a line now and then.
pub(super) struct Progress {
    bar: ProgressBar,
    done: &'static str,
    tenths: u64,
    printed: Instant,
}

impl Progress {
    /// A bar up to `total`, drawn after indicatif's `template`; `done` is what a plain line says of the part behind.
    pub fn new(total: u64, template: &str, done: &'static str) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { bar, done, tenths: 0, printed: Instant::now() }
    }

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
