//! The profile of a run: tables, and files.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wgrad::exec::Executor;
use wgrad::train::{OutputDir, RunProfile, Timeline, trace_to_json};

use super::terminal::say;

/// More bytes than the files take.
pub const ROOM_FOR_PROFILE: usize = Timeline::MAX_SPANS * 120 + (1 << 18);

/// Measures each step of the schedules, prints the tables and writes the files.
pub fn write_profile(out: &OutputDir, executor: &Executor, timeline: &Timeline) -> anyhow::Result<()> {
    // The bar is hidden if standard output is not a terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:20.green} profiling") {
        bar.set_style(style.progress_chars("━━─"));
    }
    let profile = RunProfile::measure(executor, timeline, &mut |done, rounds| {
        bar.set_length(rounds as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let profile = profile?;
    let trace = trace_to_json(timeline, &[&profile.training, &profile.evaluation])?;
    out.write(&[("profile.json", profile.to_json()?.as_bytes()), ("trace.json", trace.as_bytes())])?;
    say(&format!("\n{profile}"));
    say(&format!("profile.json and trace.json are in {}", out.path().display()));
    Ok(())
}
