//! Measures schedules step by step, under ceilings that it measures first.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::ProgramError;
use super::ceiling::Ceiling;
use super::error::ExecError;
use super::profile::{Ceilings, Profile, Timer};
use super::program::Program;
use crate::gpu::{Gpu, RuntimeChecks, Timestamps};
use crate::graph::{Graph, Plan, Target};
use crate::kernel::MicroKernel;

/// Rounds of the ceilings; the best one counts.
const CEILING_ROUNDS: usize = 5;

/// Seconds that the rounds of a schedule take; then the least and the most rounds.
const SECONDS: f64 = 2.0;
const ROUNDS: [usize; 2] = [5, 25];

/// With the host's clock, a short step is repeated in its submission for this many seconds, because the submission itself
/// takes time; then the most repetitions.
const SUBMISSION: f64 = 2e-3;
const TIMES: usize = 50;

/// Timestamps are trusted if their time for a kernel is in this range of the time that the host's clock gives. The host's
/// time includes that of the submission.
const TRUSTED: RangeInclusive<f64> = 0.7..=1.05;

/// A schedule with the program that runs it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its name, for printing.
    pub title: &'a str,
    /// Its graph.
    pub graph: &'a Graph,
    /// The schedule.
    pub plan: &'a Plan,
    /// The program that runs it.
    pub program: &'a Program,
    /// The number of the plan in the program.
    pub index: usize,
}

/// Called with the number of rounds that are done, and the number of all rounds.
pub type OnRound<'a> = &'a mut dyn FnMut(usize, usize);

/// Runs schedules step by step and takes the time. It overwrites what the steps write, so use it after training.
pub struct Profiler<'a> {
    gpu: Arc<Gpu>,
    clock: &'a dyn Fn() -> Duration,
    timer: Timer,
    ceilings: Ceilings,
}

impl<'a> Profiler<'a> {
    /// Measures the ceilings of `gpu`. It uses timestamps if the adapter has them and they agree with `clock`, which
    /// gives the time since any fixed moment.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn new(gpu: Arc<Gpu>, clock: &'a dyn Fn() -> Duration) -> Result<Self, ExecError> {
        let mut graph = Graph::new(Target::new(MicroKernel::Direct, 1));
        let Ceiling { dispatches, x, y } = Ceiling::record(&mut graph, gpu.is_software());
        let plan = Plan::new(&graph, dispatches, &[])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
        // They keep the sums near 1, and none of them is a power of two.
        program.write(&graph, &plan, x, &[0.999, 0.001, 0.0, 0.0])?;
        let ceilings = Ceilings { flops_per_second: 0.0, bytes_per_second: 0.0 };
        let mut profiler = Self { gpu, clock, timer: Timer::WallClock, ceilings };
        let subject = Subject { title: "ceilings", graph: &graph, plan: &plan, program: &program, index: 0 };

        let [x, y] = [program.buffer(plan.buffer(&graph, x))?, program.buffer(plan.buffer(&graph, y))?];
        let timestamps = Timestamps::new(&profiler.gpu, 2);
        let mut clocked = [f64::INFINITY; 2];
        let mut stamped = [f64::INFINITY; 2];
        let mut command = f64::INFINITY;
        profiler.by_clock(&subject, &[1, 1]).await?;
        for _ in 0..CEILING_ROUNDS {
            keep_least(&mut clocked, &profiler.by_clock(&subject, &[1, 1]).await?);
            if let Some(timestamps) = &timestamps {
                keep_least(&mut stamped, &profiler.by_timestamps(&subject, timestamps).await?);
            }
            let copy = |encoder: &mut wgpu::CommandEncoder| {
                encoder.copy_buffer_to_buffer(x, 0, y, 0, x.size());
                Ok(())
            };
            command = command.min(profiler.clocked(copy).await?);
        }
        // The multiply-adds take long enough for both clocks.
        if TRUSTED.contains(&(stamped[0] / clocked[0])) {
            profiler.timer = Timer::Timestamps;
            clocked = stamped;
        }
        let flops: u64 = plan.dispatches().iter().map(|dispatch| dispatch.kernel().flops).sum();
        profiler.ceilings = Ceilings {
            flops_per_second: flops as f64 / clocked[0],
            bytes_per_second: 2.0 * x.size() as f64 / clocked[1].min(command),
        };
        profiler.gpu.check()?;
        Ok(profiler)
    }

    /// The ceilings of the adapter.
    pub fn ceilings(&self) -> Ceilings {
        self.ceilings
    }

    /// Measures a schedule. Each round runs it once in order, so that each step finds what it finds in training.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn profile(&self, subject: &Subject<'_>, on_round: OnRound<'_>) -> Result<Profile, ExecError> {
        let count = subject.plan.dispatches().len();
        let timestamps = match self.timer {
            Timer::Timestamps => Timestamps::new(&self.gpu, count),
            Timer::WallClock => None,
        };
        // The first run may compile shaders, the second tells how long a round takes.
        let mut times = vec![1; count];
        self.by_clock(subject, &times).await?;
        let estimate = self.by_clock(subject, &times).await?;
        for (times, seconds) in times.iter_mut().zip(&estimate) {
            *times = ((SUBMISSION / seconds) as usize).clamp(1, TIMES);
        }
        let round: f64 = match timestamps {
            Some(_) => self.whole(subject).await? * 2.0,
            None => estimate.iter().zip(&times).map(|(seconds, times)| seconds * *times as f64).sum(),
        };
        let rounds = ((SECONDS / round) as usize).clamp(ROUNDS[0], ROUNDS[1]);
        let mut seconds = vec![Vec::new(); count];
        let mut whole = Vec::new();
        for done in 0..rounds {
            on_round(done, rounds);
            append(
                &mut seconds,
                match &timestamps {
                    Some(timestamps) => self.by_timestamps(subject, timestamps).await?,
                    None => self.by_clock(subject, &times).await?,
                },
            );
            whole.push(self.whole(subject).await?);
            self.gpu.check()?;
        }
        on_round(rounds, rounds);
        let timer = if timestamps.is_some() { Timer::Timestamps } else { Timer::WallClock };
        let Subject { title, graph, plan, .. } = *subject;
        Ok(Profile::new(title, (graph, plan), (timer, self.ceilings), &seconds, &whole))
    }

    /// Seconds of `times` runs of the first plan of a program, one after the other.
    pub(super) async fn seconds_of(&self, program: &Program, times: usize) -> Result<f64, ExecError> {
        let timestamps = match self.timer {
            Timer::Timestamps => Timestamps::new(&self.gpu, 1),
            Timer::WallClock => None,
        };
        let Some(timestamps) = timestamps else {
            return self.clocked(|encoder| program.encode_times(0, times, None, encoder)).await;
        };
        let mut encoder = self.gpu.encoder();
        program.encode_times(0, times, Some(&timestamps), &mut encoder)?;
        let pairs = timestamps.submit(&self.gpu, encoder, 1).await?;
        Ok(pairs.iter().map(|[begin, end]| end - begin).sum())
    }

    /// Seconds of each step, by timestamps around it.
    async fn by_timestamps(&self, subject: &Subject<'_>, timestamps: &Timestamps) -> Result<Vec<f64>, ExecError> {
        let mut encoder = self.gpu.encoder();
        subject.program.encode_timed(subject.index, timestamps, &mut encoder)?;
        let pairs = timestamps.submit(&self.gpu, encoder, subject.plan.dispatches().len()).await?;
        Ok(pairs.into_iter().map(|[begin, end]| end - begin).collect())
    }

    /// Seconds of each step, by the host's clock around a submission that repeats it `times` times.
    async fn by_clock(&self, subject: &Subject<'_>, times: &[usize]) -> Result<Vec<f64>, ExecError> {
        let mut seconds = Vec::new();
        for (step, times) in times.iter().enumerate() {
            let encode = |encoder: &mut _| subject.program.encode_step(subject.index, step, *times, encoder);
            seconds.push(self.clocked(encode).await? / *times as f64);
        }
        Ok(seconds)
    }

    /// Seconds of the schedule as one submission.
    async fn whole(&self, subject: &Subject<'_>) -> Result<f64, ExecError> {
        self.clocked(|encoder| subject.program.encode(subject.index, encoder)).await
    }

    async fn clocked(
        &self,
        encode: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<(), ProgramError>,
    ) -> Result<f64, ExecError> {
        let begin = (self.clock)();
        let mut encoder = self.gpu.encoder();
        encode(&mut encoder)?;
        self.gpu.await_submission(Some(self.gpu.submit(encoder)));
        self.gpu.finished().await;
        Ok(((self.clock)() - begin).as_secs_f64())
    }
}

fn append(rounds: &mut [Vec<f64>], round: Vec<f64>) {
    for (rounds, seconds) in rounds.iter_mut().zip(round) {
        rounds.push(seconds);
    }
}

fn keep_least(least: &mut [f64], seconds: &[f64]) {
    for (least, seconds) in least.iter_mut().zip(seconds) {
        *least = least.min(*seconds);
    }
}
