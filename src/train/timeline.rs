//! What the host and the device did, and when, during a run.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Phase, PhaseTotal, Span};
use crate::gpu::{Gpu, GpuEvent};

/// Records what a run does. The first [`Timeline::MAX_SPANS`] spans are kept; the sums cover the whole run.
#[derive(Debug)]
pub struct Timeline {
    begin: Instant,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    spans: Vec<Span>,
    left_out: u64,
    totals: [(u64, Duration); Phase::ALL.len()],
    /// Times at which the device's events began encoding, submitting and waiting.
    encode: Duration,
    submit: Duration,
    wait: Duration,
    /// Phases that are open, outermost first.
    open: Vec<Phase>,
    /// Submissions that have not finished as far as the host knows, with the time at which the driver got them.
    in_flight: VecDeque<(u64, Duration)>,
    last_finished: Duration,
    /// The time since which the trainer waits for the loader while nothing is in flight.
    starving: Option<Duration>,
    starved: Duration,
    closed: bool,
}

impl Timeline {
    /// Most spans that are kept. Later spans only count in the sums.
    pub const MAX_SPANS: usize = 1 << 16;

    /// Starts to record what `gpu` does. Each [`Gpu`] can have one timeline.
    pub fn watch(gpu: &Gpu) -> Arc<Self> {
        let timeline = Arc::new(Self { begin: Instant::now(), record: Mutex::default() });
        let probe = timeline.clone();
        gpu.set_probe(move |event| probe.hear(event));
        timeline
    }

    /// Time since the timeline was begun.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a phase; it ends when the returned value is dropped.
    pub fn enter(&self, phase: Phase) -> Inside<'_> {
        let begin = self.now();
        self.record().enter(phase, begin);
        Inside { timeline: self, phase, begin }
    }

    /// Stops recording.
    pub fn close(&self) {
        self.record().closed = true;
    }

    fn hear(&self, event: GpuEvent) {
        let now = self.now();
        self.record().hear(event, now);
    }

    /// The spans that were kept, in order of their beginnings; of two that begin together, the longer comes first.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = self.record().spans.clone();
        spans.sort_by_key(|span| (span.begin, std::cmp::Reverse(span.end)));
        spans
    }

    /// The number of spans that were not kept.
    pub fn left_out(&self) -> u64 {
        self.record().left_out
    }

    /// Sums of the phases that were entered.
    pub fn totals(&self) -> Vec<PhaseTotal> {
        let totals = self.record().totals;
        let totals = Phase::ALL.into_iter().zip(totals).filter(|(_, (count, _))| *count > 0);
        totals
            .map(|(phase, (count, time))| PhaseTotal { phase, count, milliseconds: time.as_secs_f64() * 1e3 })
            .collect()
    }

    /// How long the device waited for data: the time in which the trainer waited for the loader while nothing was in
    /// flight.
    pub fn starved(&self) -> Duration {
        self.record().starved
    }

    /// Time of the epochs' training steps.
    pub fn epochs(&self) -> Duration {
        self.record().totals[Phase::Epoch as usize].1
    }
}

impl Record {
    fn enter(&mut self, phase: Phase, now: Duration) {
        self.open.push(phase);
        if phase == Phase::LoadWait && self.in_flight.is_empty() {
            self.starving = Some(now);
        }
    }

    fn leave(&mut self, phase: Phase, begin: Duration, now: Duration) {
        self.open.pop();
        if phase == Phase::LoadWait
            && let Some(since) = self.starving.take()
        {
            self.starved += now - since;
        }
        self.add(phase, begin, now);
    }

    fn hear(&mut self, event: GpuEvent, now: Duration) {
        match event {
            GpuEvent::Encode => self.encode = now,
            GpuEvent::Submit => {
                self.add(Phase::Encode, self.encode, now);
                self.submit = now;
            }
            GpuEvent::Submitted(number) => {
                self.add(Phase::Submit, self.submit, now);
                // A driver may work before it returns; llvmpipe's returns only when the submission before has finished.
                self.in_flight.push_back((number, self.submit));
            }
            GpuEvent::Wait => self.wait = now,
            GpuEvent::Waited => {
                let staging = self.open.last() == Some(&Phase::TrainStep);
                let phase = if staging { Phase::StagingWait } else { Phase::DeviceWait };
                self.add(phase, self.wait, now);
            }
            GpuEvent::Finished(number) => {
                while let Some((_, submitted)) = self.in_flight.front().copied().filter(|(first, _)| *first <= number) {
                    self.in_flight.pop_front();
                    // One runs after the other.
                    self.add(Phase::Device, submitted.max(self.last_finished), now);
                    self.last_finished = now;
                }
                if self.in_flight.is_empty() && self.open.last() == Some(&Phase::LoadWait) {
                    self.starving.get_or_insert(now);
                }
            }
        }
    }

    fn add(&mut self, phase: Phase, begin: Duration, end: Duration) {
        if self.closed {
            return;
        }
        let (count, time) = &mut self.totals[phase as usize];
        *count += 1;
        *time += end - begin;
        if self.spans.len() < Timeline::MAX_SPANS {
            self.spans.push(Span { phase, begin, end });
        } else {
            self.left_out += 1;
        }
    }
}

/// A phase that lasts until this is dropped.
#[derive(Debug)]
pub struct Inside<'a> {
    timeline: &'a Timeline,
    phase: Phase,
    begin: Duration,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let now = self.timeline.now();
        self.timeline.record().leave(self.phase, self.begin, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_waits_for_data_when_nothing_is_in_flight() {
        let ms = Duration::from_millis;
        let mut record = Record::default();
        record.enter(Phase::Epoch, ms(0));
        // Nothing was submitted yet.
        record.enter(Phase::LoadWait, ms(0));
        record.leave(Phase::LoadWait, ms(0), ms(5));
        record.enter(Phase::TrainStep, ms(5));
        for (event, at) in [(GpuEvent::Encode, 5), (GpuEvent::Submit, 6), (GpuEvent::Submitted(0), 7)] {
            record.hear(event, ms(at));
        }
        record.leave(Phase::TrainStep, ms(5), ms(8));
        // The device is busy until 10 of a wait until 13.
        record.enter(Phase::LoadWait, ms(8));
        record.hear(GpuEvent::Finished(0), ms(10));
        record.leave(Phase::LoadWait, ms(8), ms(13));
        // It is busy all of the wait.
        record.hear(GpuEvent::Submit, ms(13));
        record.hear(GpuEvent::Submitted(1), ms(14));
        record.enter(Phase::LoadWait, ms(15));
        record.leave(Phase::LoadWait, ms(15), ms(17));
        // It falls idle while the host does something else.
        record.hear(GpuEvent::Finished(1), ms(18));
        record.leave(Phase::Epoch, ms(0), ms(20));
        assert_eq!(record.starved, ms(5 + 3));
        let total = |phase: Phase| record.totals[phase as usize];
        assert_eq!(total(Phase::LoadWait), (3, ms(5 + 5 + 2)));
        assert_eq!(total(Phase::Submit), (2, ms(1 + 1)));
        assert_eq!(total(Phase::Device), (2, ms(4 + 5)));
        assert_eq!(total(Phase::Epoch), (1, ms(20)));
    }
}
