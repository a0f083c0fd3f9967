//! Progress as Keras prints it: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Epoch, Evaluation, HistoryRow, Measured, Observer, TrainError};
use crate::exec::Executor;

/// Time between two plain lines of an epoch.
const INTERVAL: Duration = Duration::from_secs(10);

/// Prints on standard output how training goes. Training continues even if nobody reads standard output any more.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
    shows_learning_rate: bool,
    steps: usize,
    printed: Duration,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Draws a bar if standard output is a terminal, and else prints a line every ten seconds.
    pub fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        Self { bar: None, terminal, shows_learning_rate: false, steps: 0, printed: Duration::ZERO }
    }

    /// Sets whether each epoch's line ends with its learning rate.
    pub fn learning_rate(mut self, shown: bool) -> Self {
        self.shows_learning_rate = shown;
        self
    }

    fn print(&self, line: &str) {
        let _ = writeln!(io::stdout(), "{line}");
    }
}

impl Observer for Progress {
    fn on_epoch_begin(&mut self, epoch: &Epoch) {
        self.print(&format!("Epoch {}/{}", epoch.number, epoch.last));
        self.steps = epoch.steps;
        self.printed = Duration::ZERO;
        if self.terminal {
            let bar = ProgressBar::with_draw_target(Some(epoch.steps as u64), ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:20.green} {msg}") {
                bar.set_style(style.progress_chars("━━─"));
            }
            self.bar = Some(bar);
        }
    }

    fn on_step(&mut self, step: usize, measured: &Measured, elapsed: Duration) {
        let line = || {
            let per_step = elapsed.as_secs_f64() / step as f64;
            let left = per_step * (self.steps - step.min(self.steps)) as f64;
            let figures = match measured.steps {
                0 => String::new(),
                _ => format!(" - {}", figures("", measured.loss(), measured.accuracy())),
            };
            (elapsed.as_secs(), left.round(), step_time(per_step), figures)
        };
        if let Some(bar) = &self.bar {
            let (_, left, per_step, figures) = line();
            bar.set_message(format!("{left}s {per_step}{figures}"));
            bar.set_position(step as u64);
        } else if step < self.steps && elapsed - self.printed >= INTERVAL {
            let (seconds, _, per_step, figures) = line();
            self.print(&format!("{step}/{} - {seconds}s - {per_step}{figures}", self.steps));
            self.printed = elapsed;
        }
    }

    fn on_epoch_end(&mut self, row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let line = result_line(self.steps, row.seconds, row.loss, row.accuracy);
        let rate = if self.shows_learning_rate { learning_rate(row.learning_rate) } else { String::new() };
        let skipped = match (row.skipped_updates, row.loss_scale) {
            (Some(skipped), Some(scale)) if skipped > 0 => {
                format!(" - skipped_updates: {skipped} - loss_scale: {scale}")
            }
            _ => String::new(),
        };
        self.print(&format!("{line} - {}{rate}{skipped}", figures("val_", row.val_loss, row.val_accuracy)));
        Ok(ControlFlow::Continue(()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // An interrupted epoch keeps its bar, and what follows starts on a line of its own.
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }
}

/// The line that Keras prints for a pass over `steps` steps: `313/313 - 1s - 4ms/step - loss: 0.8786 - accuracy:
/// 0.7035`.
fn result_line(steps: usize, seconds: f64, loss: f64, accuracy: f64) -> String {
    let per_step = step_time(seconds / steps.max(1) as f64);
    format!("{steps}/{steps} - {seconds:.0}s - {per_step} - {}", figures("", loss, accuracy))
}

/// Keras's line of an evaluation. With more than five `classes` it ends with the top-5 accuracy.
pub fn evaluation_line(evaluation: &Evaluation, classes: usize) -> String {
    let Evaluation { loss, accuracy, top5_accuracy, steps, seconds, .. } = *evaluation;
    let line = result_line(steps, seconds, loss, accuracy);
    if classes > 5 { format!("{line} - top5_accuracy: {top5_accuracy:.4}") } else { line }
}

fn learning_rate(rate: f64) -> String {
    // Keras writes small figures with an exponent.
    if rate >= 1e-3 { format!(" - learning_rate: {rate:.4}") } else { format!(" - learning_rate: {rate:.4e}") }
}

fn figures(prefix: &str, loss: f64, accuracy: f64) -> String {
    format!("{prefix}loss: {loss:.4} - {prefix}accuracy: {accuracy:.4}")
}

fn step_time(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.0}s/step")
    } else if seconds >= 1e-3 {
        format!("{:.0}ms/step", seconds * 1e3)
    } else {
        format!("{:.0}us/step", seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_those_of_keras() {
        let line = result_line(1563, 12.3, 1.51234, 0.45);
        assert_eq!(line, "1563/1563 - 12s - 8ms/step - loss: 1.5123 - accuracy: 0.4500");
        assert_eq!(step_time(0.000_52), "520us/step");
        assert_eq!(step_time(2.4), "2s/step");
    }
}
