//! The loop over epochs.

use std::ops::{ControlFlow, RangeInclusive};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::evaluation::DEPTH;
use super::gradient_norm::GradientNorm;
use super::submit_pace::SubmitPace;
use super::{
    Divergence, Epoch, HistoryRow, Inside, LearningRateSchedule, Measured, Observer, Phase, Timeline, TrainError,
    evaluate,
};
use crate::Error;
use crate::data::{Batch, Dataset, Loader, Sampler};
use crate::exec::Executor;

/// How often the device is asked what has finished while the trainer waits for the loader and a timeline wants to know.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs were trained.
    Finished,
    /// An observer asked for it, at the end of an epoch.
    Enough,
    /// The stop flag was set; the last epoch may be in part.
    Interrupted,
}

/// Trains an executor's network on a data set.
pub struct Trainer<'a> {
    executor: &'a mut Executor,
    dataset: &'a Dataset,
    sampler: Sampler,
    stop: &'a AtomicBool,
    observers: Vec<&'a mut dyn Observer>,
    schedule: LearningRateSchedule,
    steps_per_submit: Option<usize>,
    timeline: Option<&'a Timeline>,
}

impl<'a> Trainer<'a> {
    /// A trainer whose images come in an order that `seed` chooses. It stops after the step in which `stop` is set.
    pub fn new(executor: &'a mut Executor, dataset: &'a Dataset, seed: u64, stop: &'a AtomicBool) -> Self {
        let sampler = Sampler::new(dataset.train.len(), seed);
        Self {
            executor,
            dataset,
            sampler,
            stop,
            observers: Vec::new(),
            schedule: LearningRateSchedule::default(),
            steps_per_submit: None,
            timeline: None,
        }
    }

    /// Adds an observer; they are told in the order they were added in.
    pub fn observe(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observers.push(observer);
        self
    }

    /// Lets the learning rate change, from the executor's own on; without it, it stays.
    pub fn schedule(mut self, schedule: LearningRateSchedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets how many steps are submitted together; without it, as many as are done in a tenth of a second.
    pub fn steps_per_submit(mut self, steps: Option<usize>) -> Self {
        self.steps_per_submit = steps;
        self
    }

    /// Has the phases of training noted, if there is a timeline.
    pub fn time(mut self, timeline: Option<&'a Timeline>) -> Self {
        self.timeline = timeline;
        self
    }

    fn enter(&self, phase: Phase) -> Option<Inside<'a>> {
        self.timeline.map(|timeline| timeline.enter(phase))
    }

    /// Trains `epochs`, counted from 1: each over all training images in an order of its own, then the evaluation of
    /// all test images.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] as soon as a loss that is NaN or infinite arrives; what an observer, the loader or
    /// the device reports.
    pub fn fit(mut self, epochs: RangeInclusive<usize>) -> Result<Ending, Error> {
        let first_rate = self.executor.options().adam.learning_rate;
        let ending = self.train_epochs(epochs, first_rate);
        self.executor.set_learning_rate(first_rate);
        let ending = ending?;
        if ending != Ending::Interrupted {
            for observer in &mut self.observers {
                observer.on_train_end(self.executor)?;
            }
        }
        Ok(ending)
    }

    fn train_epochs(&mut self, epochs: RangeInclusive<usize>, first_rate: f64) -> Result<Ending, Error> {
        let mut history = Vec::new();
        let last = *epochs.end();
        let mut pace = None;
        match self.steps_per_submit {
            Some(steps) => self.executor.set_steps_per_submit(steps),
            None => pace = Some(SubmitPace::new(self.executor)),
        }
        for number in epochs {
            let steps = self.dataset.train.len().div_ceil(self.executor.batch_size());
            let epoch = Epoch { number, last, steps };
            for observer in &mut self.observers {
                observer.on_epoch_begin(&epoch);
            }
            let started = Instant::now();
            let schedule = self.schedule;
            let rate = |step| schedule.rate(first_rate, &epoch, step, &history);
            let trained = self.train(&epoch, &rate, pace.as_mut())?;
            let Some((measured, gradient_norm)) = trained else { return Ok(Ending::Interrupted) };
            let seconds = started.elapsed().as_secs_f64();
            let inside = self.enter(Phase::Evaluation);
            let evaluation = evaluate(self.executor, &self.dataset.test, self.stop)?;
            drop(inside);
            let Some(evaluation) = evaluation else { return Ok(Ending::Interrupted) };
            let row = HistoryRow {
                epoch: number,
                loss: measured.loss(),
                accuracy: measured.accuracy(),
                top5_accuracy: measured.top5_accuracy(),
                val_loss: evaluation.loss,
                val_accuracy: evaluation.accuracy,
                val_top5_accuracy: evaluation.top5_accuracy,
                learning_rate: self.executor.options().adam.learning_rate,
                gradient_norm: gradient_norm.root_mean_square(),
                seconds,
                images_per_second: measured.images as f64 / seconds,
            };
            history.push(row);
            let mut flow = ControlFlow::Continue(());
            for observer in &mut self.observers {
                if observer.on_epoch_end(&row, self.executor)?.is_break() {
                    flow = ControlFlow::Break(());
                }
            }
            if flow.is_break() {
                return Ok(Ending::Enough);
            }
        }
        Ok(Ending::Finished)
    }

    /// Trains one epoch, where `rate` tells the learning rate after some of its steps; gives none where the stop flag was
    /// set before its end.
    fn train(
        &mut self,
        epoch: &Epoch,
        rate: &dyn Fn(usize) -> f64,
        mut pace: Option<&mut SubmitPace>,
    ) -> Result<Option<(Measured, GradientNorm)>, Error> {
        let gpu = self.executor.gpu().clone();
        let _epoch = self.enter(Phase::Epoch);
        let loading = self.enter(Phase::LoadWait);
        let order = self.sampler.permutation(epoch.number as u64);
        let mut loader = Loader::new(self.dataset.train.clone(), order, self.executor.batch_size(), DEPTH)?;
        drop(loading);
        let mut measured = Measured::default();
        let mut gradient_norm = GradientNorm::default();
        let not_finite = |(loss, step), executor: &mut Executor| -> Result<(), Error> {
            let divergence = Divergence::of(executor)?;
            Err(TrainError::NotFinite { loss, epoch: epoch.number, step, divergence }.into())
        };
        let started = Instant::now();
        let mut step = 0;
        while let Some(batch) = self.next_batch(&mut loader) {
            self.executor.set_learning_rate(rate(step));
            let inside = self.enter(Phase::TrainStep);
            gpu.block_on(self.executor.train_step(&batch))?;
            drop(inside);
            loader.recycle(batch);
            step += 1;
            if GradientNorm::samples(step, epoch.steps) {
                gradient_norm.add(&gpu.block_on(self.executor.gradients())?);
            }
            if let Some(pace) = &mut pace {
                pace.step(self.executor);
            }
            measured.add(&self.executor.arrived_metrics()?).or_else(|found| not_finite(found, self.executor))?;
            for observer in &mut self.observers {
                observer.on_step(step, &measured, started.elapsed());
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let _readback = self.enter(Phase::Readback);
        // Also before an interrupted run's weights are taken: they may have become NaN in a step not measured yet.
        measured.add(&gpu.block_on(self.executor.metrics())?).or_else(|found| not_finite(found, self.executor))?;
        Ok((step == epoch.steps).then_some((measured, gradient_norm)))
    }

    /// The next batch, when it is there.
    fn next_batch(&self, loader: &mut Loader) -> Option<Batch> {
        let Some(timeline) = self.timeline else { return loader.next() };
        let _inside = timeline.enter(Phase::LoadWait);
        loop {
            // Else nobody would learn that the device falls idle.
            self.executor.gpu().poll();
            if let Poll::Ready(batch) = loader.next_within(POLL_INTERVAL) {
                return batch;
            }
        }
    }
}
