//! `wgrad self-test`

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use wgrad::self_test::{CaseResult, Check, Report, SelfTest, checks};

use super::exit_code::WRONG_RESULT;
use super::options::{DeviceOptions, adapter_line};
use super::output_file::write_file;
use super::terminal::note;

/// Time between two plain lines of progress.
const INTERVAL: Duration = Duration::from_secs(10);

/// Options of `wgrad self-test`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 if all passed, 8 if a check failed.\n\n\
    Examples:\n  \
    wgrad self-test\n  \
    wgrad self-test --adapter 1 --json self-test.json")]
pub struct SelfTestCommand {
    #[command(flatten)]
    device: DeviceOptions,
    /// Write a JSON file for a bug report, with every case, its errors and limits, the adapter and its driver; without
    /// FILE, print it instead of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
}

impl SelfTestCommand {
    /// Runs every check and prints which ones failed.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.run_checks(&checks()).map(ExitCode::from)
    }

    fn run_checks(&self, checks: &[Check]) -> anyhow::Result<u8> {
        let gpu = Arc::new(self.device.open()?);
        let to_stdout = self.json.as_deref() == Some(Path::new("-"));
        let mut out = io::stdout();
        if !to_stdout {
            writeln!(out, "{}", adapter_line(gpu.info()))?;
        }
        let test = SelfTest::new(self.device.choice(), gpu, self.device.micro_kernel())?;
        let mut progress = Progress::new();
        let report = test.run(checks, &mut |result, done, all| progress.on_case(result, done, all));
        progress.finish();
        if to_stdout {
            write!(out, "{}", report.to_json()?)?;
        } else {
            writeln!(out, "\n{report}")?;
            self.write_json(&report)?;
        }
        if report.passed {
            return Ok(0);
        }
        if !to_stdout {
            note(&advice(self.json.as_deref()));
        }
        Ok(WRONG_RESULT)
    }

    fn write_json(&self, report: &Report) -> anyhow::Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        write_file(path, report.to_json()?.as_bytes())
    }
}

/// What the user should do after a check failed.
fn advice(json: Option<&Path>) -> String {
    let attach = match json {
        Some(path) => format!("attach {}", path.display()),
        None => "attach the file of `wgrad self-test --json FILE`".to_owned(),
    };
    let issues = concat!(env!("CARGO_PKG_REPOSITORY"), "/issues");
    format!(
        "do not trust the results of this adapter: update its driver, or choose another adapter with --adapter; please {attach} to a report at {issues}"
    )
}

/// Progress on standard error, because JSON may go to standard output: a bar on a terminal, else plain lines.
struct Progress {
    bar: Option<ProgressBar>,
    printed: Instant,
}

impl Progress {
    fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{pos}/{len} {bar:20.green} {msg}")) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { bar, printed: Instant::now() }
    }

    fn on_case(&mut self, result: &CaseResult, done: usize, all: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(result.check);
        } else if self.printed.elapsed() >= INTERVAL {
            note(&format!("{done}/{all} - {}", result.check));
            self.printed = Instant::now();
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};
    use wgrad::self_test::{Case, Comparison};

    use super::*;

    fn command(arguments: &str) -> SelfTestCommand {
        let command = SelfTestCommand::augment_args(Command::new("self-test").no_binary_name(true));
        SelfTestCommand::from_arg_matches(&command.get_matches_from(arguments.split_whitespace())).unwrap()
    }

    fn check(found: f32) -> Check {
        let case = Case::new("one", move |_, _| Ok(vec![Comparison::close("forward", "y", &[found], &[1.0], 1e-5)]));
        Check { name: "add", cases: vec![case], products: true }
    }

    #[test]
    fn a_failed_check_is_the_exit_code_and_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("self-test.json");
        let command = command(&format!("--kernel direct --json {}", path.display()));
        for (found, code) in [(1.0, 0), (1.1, WRONG_RESULT), (f32::NAN, WRONG_RESULT)] {
            assert_eq!(command.run_checks(&[check(found)]).unwrap(), code, "{found}");
            let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(json["passed"], code == 0);
        }
    }

    #[test]
    fn json_without_a_file_replaces_the_table() {
        assert_eq!(command("--json").json.as_deref(), Some(Path::new("-")));
        assert_eq!(command("--json f.json").json.as_deref(), Some(Path::new("f.json")));
        assert_eq!(command("").json, None);
    }
}
