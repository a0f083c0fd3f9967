//! The loop over epochs.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::feed::{Fed, Feed};
use super::gradient_norm::GradientNorm;
use super::submit_pace::SubmitPace;
use super::{
    Checkpoint, Checkpoints, Divergence, Ending, Epoch, Evaluation, Inside, LearningRateSchedule, Observer, Phase,
    Position, TestResult, Timeline, TrainError, evaluate,
};
use crate::data::{Dataset, Sampler};
use crate::exec::Executor;

/// While the trainer waits for the loader and a timeline records, it asks the device this often what has finished.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

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
    checkpoints: Option<Checkpoints<'a>>,
    /// Where the result of the last epoch's evaluation goes if it is on the test images, and whether it predicts.
    test_result: Option<(&'a mut Option<TestResult>, bool)>,
    position: Position,
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
            checkpoints: None,
            test_result: None,
            position: Position::after(Vec::new()),
        }
    }

    /// Adds an observer. Observers are called in the order in which they were added.
    pub fn observe(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observers.push(observer);
        self
    }

    /// Sets how the learning rate changes; the executor's own rate is the first. Without a schedule it does not change.
    pub fn schedule(mut self, schedule: LearningRateSchedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets how many steps are submitted together; if none, as many as a tenth of a second holds.
    pub fn steps_per_submit(mut self, steps: Option<usize>) -> Self {
        self.steps_per_submit = steps;
        self
    }

    /// Records the phases of training in `timeline`, if there is one.
    pub fn time(mut self, timeline: Option<&'a Timeline>) -> Self {
        self.timeline = timeline;
        self
    }

    /// Writes checkpoints: at the beginning, after each of their intervals, and when training ends or is interrupted.
    pub fn checkpoints(mut self, checkpoints: Checkpoints<'a>) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Keeps the evaluation of the last epoch in `result` if it is on the test images, with predictions if `predicts`.
    /// Then the test images need not be passed again after training.
    pub fn test_result(mut self, result: &'a mut Option<TestResult>, predicts: bool) -> Self {
        self.test_result = Some((result, predicts));
        self
    }

    /// Resumes training from a checkpoint. Observers must have been added before.
    ///
    /// # Errors
    /// Tensors that do not fit the network; [`TrainError::TooFar`].
    pub fn resume(mut self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let (step, steps) = (checkpoint.position.step, self.steps());
        if step > steps {
            return Err(TrainError::TooFar { step, steps });
        }
        let gpu = self.executor.gpu().clone();
        gpu.block_on(self.executor.restore(&checkpoint.state))?;
        self.position = checkpoint.position;
        self.position.finished = false;
        for observer in &mut self.observers {
            if observer.on_resume(&self.position.history, &checkpoint.kept, self.executor)?.is_break() {
                self.position.finished = true;
            }
        }
        Ok(self)
    }

    /// Steps of an epoch.
    fn steps(&self) -> usize {
        self.dataset.train.len().div_ceil(self.executor.batch_size())
    }

    fn enter(&self, phase: Phase) -> Option<Inside<'a>> {
        self.timeline.map(|timeline| timeline.enter(phase))
    }

    /// Trains until `epochs` are done: each over all training images in an order of its own, then the evaluation of the
    /// validation images, which are the test images where the set has no others.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] as soon as a loss that is NaN or infinite arrives; what an observer, the loader or
    /// the device reports; a checkpoint that can't be written.
    pub fn fit(mut self, epochs: usize) -> Result<Ending, TrainError> {
        let first_rate = self.executor.options().optimizer.learning_rate;
        let ending = self.train_epochs(epochs, first_rate)?;
        self.position.finished = ending != Ending::Interrupted;
        self.write_checkpoint()?;
        if ending != Ending::Interrupted {
            for observer in &mut self.observers {
                observer.on_train_end(self.executor)?;
            }
        }
        Ok(ending)
    }

    fn train_epochs(&mut self, last: usize, first_rate: f64) -> Result<Ending, TrainError> {
        if self.position.finished {
            return Ok(Ending::Enough);
        }
        let gpu = self.executor.gpu().clone();
        gpu.block_on(self.executor.hold(&[&self.dataset.train, self.dataset.validation_images()]))?;
        // A run that can't be compiled leaves nothing.
        self.executor.compile_training()?;
        self.write_checkpoint()?;
        let mut pace = None;
        match self.steps_per_submit {
            Some(steps) => self.executor.set_steps_per_submit(steps),
            None => pace = Some(SubmitPace::new(self.executor)),
        }
        while self.position.epoch <= last {
            let steps = self.steps();
            let epoch = Epoch { number: self.position.epoch, last, steps };
            for observer in &mut self.observers {
                observer.on_epoch_begin(&epoch);
            }
            self.train(&epoch, first_rate, pace.as_mut())?;
            if self.position.step < steps {
                return Ok(Ending::Interrupted);
            }
            let inside = self.enter(Phase::Evaluation);
            let evaluation = self.evaluate(&epoch)?;
            drop(inside);
            let Some(evaluation) = evaluation else { return Ok(Ending::Interrupted) };
            let rate = self.rate(first_rate, &epoch, steps.saturating_sub(1));
            let scale = self.executor.gpu().clone().block_on(self.executor.loss_scale())?;
            let row = self.position.row(&evaluation, rate, scale);
            let mut history = std::mem::take(&mut self.position.history);
            history.push(row);
            self.position = Position::after(history);
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

    /// Trains the rest of an epoch, or until the stop flag is set.
    fn train(&mut self, epoch: &Epoch, first_rate: f64, mut pace: Option<&mut SubmitPace>) -> Result<(), TrainError> {
        let gpu = self.executor.gpu().clone();
        let _epoch = self.enter(Phase::Epoch);
        let loading = self.enter(Phase::LoadWait);
        let order = self.sampler.permutation(epoch.number as u64);
        let done = self.position.step * self.executor.batch_size();
        let rest = order.get(done..).unwrap_or_default().to_vec();
        let mut feed = Feed::new(self.executor, &self.dataset.train, rest)?;
        drop(loading);
        let not_finite = |(loss, step), executor: &mut Executor| -> Result<(), TrainError> {
            let divergence = Divergence::of(executor)?;
            Err(TrainError::NotFinite { loss, epoch: epoch.number, step, divergence })
        };
        let (started, before) = (Instant::now(), self.position.seconds);
        while let Some(fed) = self.next_minibatch(&mut feed) {
            let rate = self.rate(first_rate, epoch, self.position.step);
            let inside = self.enter(Phase::TrainStep);
            gpu.block_on(self.executor.train_step_at(fed.images(), rate))?;
            drop(inside);
            feed.recycle(fed);
            self.position.step += 1;
            if GradientNorm::samples(self.position.step, epoch.steps) {
                let norm = gpu.block_on(self.executor.gradient_norm())?;
                // An update that a loss scale skips has no norm.
                if norm.is_finite() || self.executor.graph().loss_scale().is_none() {
                    self.position.gradient_norm.add(norm);
                }
            }
            if let Some(pace) = &mut pace {
                pace.step(self.executor);
            }
            let mut metrics = self.executor.arrived_metrics()?;
            let is_due = self.checkpoints.as_mut().is_some_and(Checkpoints::is_due);
            if is_due {
                metrics.extend(gpu.block_on(self.executor.metrics())?);
            }
            self.position.measured.add(&metrics).or_else(|found| not_finite(found, self.executor))?;
            self.position.seconds = before + started.elapsed().as_secs_f64();
            let elapsed = Duration::from_secs_f64(self.position.seconds);
            for observer in &mut self.observers {
                observer.on_step(self.position.step, &self.position.measured, elapsed);
            }
            if is_due {
                self.write_checkpoint()?;
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let _readback = self.enter(Phase::Readback);
        // An interrupted run needs this too: its weights may have become NaN in a step that was not measured yet.
        self.position
            .measured
            .add(&gpu.block_on(self.executor.metrics())?)
            .or_else(|found| not_finite(found, self.executor))?;
        self.position.seconds = before + started.elapsed().as_secs_f64();
        Ok(())
    }

    /// Evaluates the validation images after an epoch.
    fn evaluate(&mut self, epoch: &Epoch) -> Result<Option<Evaluation>, TrainError> {
        let images = self.dataset.validation_images();
        match &mut self.test_result {
            Some((kept, predicts)) if self.dataset.validation.is_none() && epoch.number == epoch.last => {
                **kept = TestResult::of(self.executor, images, *predicts, self.stop)?;
                Ok(kept.as_ref().map(|result| result.evaluation))
            }
            _ => evaluate(self.executor, images, self.stop),
        }
    }

    /// The learning rate of the update that follows `step` others of an epoch.
    fn rate(&self, first_rate: f64, epoch: &Epoch, step: usize) -> f64 {
        self.schedule.rate(first_rate, epoch, step, &self.position.history)
    }

    /// Writes a checkpoint, if checkpoints are wanted. All steps of the position must be measured.
    fn write_checkpoint(&mut self) -> Result<(), TrainError> {
        let inside = self.enter(Phase::Checkpoint);
        let Some(checkpoints) = &mut self.checkpoints else { return Ok(()) };
        let gpu = self.executor.gpu().clone();
        let state = gpu.block_on(self.executor.training_state())?;
        let mut values = state.parameters.iter().flat_map(|tensor| &tensor.values);
        // The last update may have made them NaN, which only the loss of the next step shows.
        if values.all(|value| value.is_finite()) {
            checkpoints.write(&Checkpoint {
                run: checkpoints.run().clone(),
                position: self.position.clone(),
                state,
                kept: self.observers.iter().flat_map(|observer| observer.kept()).collect(),
            })?;
        }
        drop(inside);
        Ok(())
    }

    /// Waits for the next minibatch.
    fn next_minibatch(&self, feed: &mut Feed) -> Option<Fed> {
        let Some(timeline) = self.timeline else { return feed.next() };
        let _inside = timeline.enter(Phase::LoadWait);
        loop {
            // Without this, nobody would learn that the device has nothing left to do.
            self.executor.gpu().poll();
            if let Poll::Ready(fed) = feed.next_within(POLL_INTERVAL) {
                return fed;
            }
        }
    }
}
