//! The times of a schedule, as data and as a table.

use std::fmt;

use serde::Serialize;

use crate::graph::{Graph, Plan};

/// The clock that the times were taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The device's clock: timestamps around each step, all in one submission.
    Timestamps,
    /// The host's clock around a submission of one step, which it waits for. Short steps are repeated in the submission.
    WallClock,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timestamps => "the device's timestamps",
            Self::WallClock => "the host's clock, each dispatch alone and waited for",
        })
    }
}

/// The highest rates that were measured on an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// Arithmetic in registers, a multiply-add counted as two.
    pub flops_per_second: f64,
    /// Bytes read and bytes written of a copy larger than most caches, by a shader or by the driver's own command,
    /// whichever is faster. What stays in a cache can be faster still.
    pub bytes_per_second: f64,
}

/// A step of a schedule, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepProfile {
    /// The dispatch's name.
    pub name: String,
    /// Operation and direction, as its shader's path says: `conv2d/dw`.
    pub kind: String,
    /// The files that distinguish the kernel from others.
    pub kernel: String,
    /// Median of the rounds.
    pub microseconds: f64,
    /// The fastest round.
    pub min_microseconds: f64,
    /// Part of the sum of all steps.
    pub share: f64,
    /// Arithmetic it needs.
    pub flops: u64,
    /// Bytes of the tensors that it reads and writes.
    pub bytes: u64,
    /// Rate of the arithmetic.
    pub gflops_per_second: f64,
    /// Rate of the bytes.
    pub gigabytes_per_second: f64,
    /// Share of the roofline: the larger of the arithmetic's part and the bytes' part of the ceilings. Above 1 where
    /// a cache serves the bytes.
    pub roofline: f64,
}

/// A schedule, measured step by step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The name of the schedule.
    pub title: String,
    /// The clock that the times of the steps were taken with.
    pub timer: Timer,
    /// The ceilings of the adapter.
    pub ceilings: Ceilings,
    /// Rounds that medians are taken over.
    pub rounds: usize,
    /// The steps, in order.
    pub steps: Vec<StepProfile>,
    /// Sum of the steps' medians.
    pub sum_microseconds: f64,
    /// The whole schedule as one submission, from its encoding to its end on the host's clock; median.
    pub whole_microseconds: f64,
}

impl Profile {
    /// Joins the steps of `plan` with the seconds that each took in each round.
    pub(super) fn new(
        title: &str,
        (graph, plan): (&Graph, &Plan),
        (timer, ceilings): (Timer, Ceilings),
        seconds: &[Vec<f64>],
        whole: &[f64],
    ) -> Self {
        let medians: Vec<f64> = seconds.iter().map(|rounds| median(rounds)).collect();
        let sum: f64 = medians.iter().sum();
        let steps = plan.dispatches().iter().zip(&medians).zip(seconds).map(|((step, median), rounds)| {
            let (kernel, flops, bytes) = (step.kernel().name.clone(), step.kernel().flops, step.bytes(graph));
            let rate = |amount: u64| if *median > 0.0 { amount as f64 / median } else { 0.0 };
            StepProfile {
                name: step.name().into(),
                kind: kernel.split(", ").next().unwrap_or_default().to_owned(),
                kernel,
                microseconds: median * 1e6,
                min_microseconds: rounds.iter().copied().fold(f64::INFINITY, f64::min) * 1e6,
                share: if sum > 0.0 { median / sum } else { 0.0 },
                flops,
                bytes,
                gflops_per_second: rate(flops) * 1e-9,
                gigabytes_per_second: rate(bytes) * 1e-9,
                roofline: (rate(flops) / ceilings.flops_per_second).max(rate(bytes) / ceilings.bytes_per_second),
            }
        });
        Self {
            title: title.into(),
            timer,
            ceilings,
            rounds: whole.len(),
            steps: steps.collect(),
            sum_microseconds: sum * 1e6,
            whole_microseconds: median(whole) * 1e6,
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
    }
}

/// The table, under its title.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ceilings { flops_per_second, bytes_per_second } = self.ceilings;
        writeln!(f, "{}: median of {} rounds by {}", self.title, self.rounds, self.timer)?;
        writeln!(
            f,
            "Ceilings: {:.1} GFLOP/s of multiply-adds in registers, {:.1} GB/s of a copy",
            flops_per_second * 1e-9,
            bytes_per_second * 1e-9
        )?;
        writeln!(
            f,
            "{:>3}  {:<32} {:<34} {:>10} {:>7} {:>9} {:>8} {:>8}",
            "#", "step", "kind", "time (us)", "share", "GFLOP/s", "GB/s", "roofline"
        )?;
        for (i, step) in self.steps.iter().enumerate() {
            writeln!(
                f,
                "{i:>3}  {:<32} {:<34} {:>10.1} {:>5.1} % {:>9.1} {:>8.1} {:>6.1} %",
                step.name,
                step.kind,
                step.microseconds,
                100.0 * step.share,
                step.gflops_per_second,
                step.gigabytes_per_second,
                100.0 * step.roofline
            )?;
        }
        writeln!(f, "     {:<67} {:>10.1}", "sum of the steps", self.sum_microseconds)?;
        write!(f, "     {:<67} {:>10.1}", "all as one submission", self.whole_microseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
