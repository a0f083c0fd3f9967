//! Faults of a device arrive as typed errors wherever they strike: nothing panics, and nothing waits for ever.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use wgrad::Error;
use wgrad::data::{Batch, shapes};
use wgrad::exec::{ExecError, Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu, GpuError};
use wgrad::model::Sequential;
use wgrad::train::{HistoryRow, Measured, Observer, TrainError, Trainer, evaluate, evaluate_and_predict};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Lost,
    Validation,
}

impl Fault {
    fn strike(self, gpu: &Gpu) {
        match self {
            Self::Lost => gpu.device().destroy(),
            // No buffer may be mapped for both.
            Self::Validation => {
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::STORAGE;
                gpu.create_buffer("impossible", 16, usage, false);
            }
        }
    }

    fn check(self, place: &str, error: &Error) {
        let of_device = match error {
            Error::Gpu(error)
            | Error::Exec(ExecError::Gpu(error))
            | Error::Train(TrainError::Exec(ExecError::Gpu(error))) => Some(error),
            _ => None,
        };
        let right = match of_device {
            Some(GpuError::Lost(_)) => self == Self::Lost,
            Some(GpuError::Device(_)) => self == Self::Validation,
            _ => false,
        };
        assert!(right && !error.to_string().contains('\n'), "{self:?} in {place}: {error}");
    }
}

fn batch() -> Batch {
    let split = shapes::generate(8, 10).train;
    let pixels = (0..8).flat_map(|i| split.image(i).unwrap().to_vec()).collect();
    Batch { pixels, labels: split.labels().iter().map(|label| u32::from(*label)).collect(), len: 8 }
}

fn executor() -> Executor {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(8).flatten().dense(10);
    Executor::new(gpu, &model, Options { batch_size: 8, ..Options::default() }).unwrap()
}

/// Runs `test` in a thread, so that a hang is a failure.
fn without_hanging(place: &str, test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{place} hangs"),
        _ => thread.join().unwrap(),
    }
}

type Use = fn(&mut Executor) -> Result<(), Error>;

/// What uses a device, each of which waits for it.
const USES: [(&str, Use); 8] = [
    ("train_step", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.train_step(&batch()))?)
    }),
    ("eval_step", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.eval_step(&batch()))?)
    }),
    ("metrics", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.metrics()).map(drop)?)
    }),
    ("parameters", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.parameters()).map(drop)?)
    }),
    ("gradients", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.gradients()).map(drop)?)
    }),
    ("logits", |executor| {
        let gpu = executor.gpu().clone();
        Ok(gpu.block_on(executor.logits(&batch())).map(drop)?)
    }),
    ("evaluate", |executor| Ok(evaluate(executor, &shapes::generate(10, 80).test, &AtomicBool::new(false)).map(drop)?)),
    ("evaluate_and_predict", |executor| {
        Ok(evaluate_and_predict(executor, &shapes::generate(10, 80).test, &AtomicBool::new(false)).map(drop)?)
    }),
];

#[test]
fn a_fault_between_steps_is_an_error_of_the_next_use() {
    for fault in [Fault::Lost, Fault::Validation] {
        for (place, use_device) in USES {
            without_hanging(place, move || {
                let mut executor = executor();
                let gpu = executor.gpu().clone();
                for _ in 0..3 {
                    gpu.block_on(executor.train_step(&batch())).unwrap();
                }
                fault.strike(&gpu);
                // A step waits for nothing; a loss shows when the device is asked what has finished.
                let uses = if place.ends_with("_step") { 40 } else { 1 };
                let error = (0..uses).try_for_each(|_| use_device(&mut executor)).unwrap_err();
                fault.check(place, &error);
                // And it stays one.
                fault.check(place, &use_device(&mut executor).unwrap_err());
            });
        }
    }
}

/// Steps that wait to be submitted, and a ring of minibatches that is full, change nothing.
#[test]
fn a_fault_among_steps_in_flight_is_an_error() {
    for fault in [Fault::Lost, Fault::Validation] {
        without_hanging("steps in flight", move || {
            let mut executor = executor();
            executor.set_steps_per_submit(8);
            let gpu = executor.gpu().clone();
            for _ in 0..19 {
                gpu.block_on(executor.train_step(&batch())).unwrap();
            }
            fault.strike(&gpu);
            let mut steps = || (0..40).try_for_each(|_| gpu.block_on(executor.train_step(&batch())));
            fault.check("steps in flight", &steps().unwrap_err().into());
        });
    }
}

#[test]
fn no_buffer_of_a_lost_device_is_mapped_or_waited_for() {
    without_hanging("mapping", || {
        let gpu = Gpu::open_blocking(&AdapterChoice::default()).unwrap();
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let [first, second] = ["first", "second"].map(|label| gpu.create_buffer(label, 1024, usage, false));
        let begun = gpu.start_map(&first, wgpu::MapMode::Read);
        gpu.device().destroy();
        // It may have been mapped before; either way there is an answer.
        let _ = gpu.block_on(begun.wait(&gpu));
        let error = gpu.block_on(gpu.map(&second, wgpu::MapMode::Read)).unwrap_err();
        assert!(matches!(error, GpuError::Lost(_)), "{error}");
    });
}

/// Strikes in the middle of an epoch.
struct Striker(Fault, Arc<Gpu>, usize);

impl Observer for Striker {
    fn on_step(&mut self, step: usize, _: &Measured, _: Duration) {
        if step == self.2 {
            self.0.strike(&self.1);
        }
    }

    fn on_epoch_end(&mut self, _: &HistoryRow, executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        if self.2 == 0 {
            self.0.strike(executor.gpu());
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn training_ends_with_the_fault() {
    for fault in [Fault::Lost, Fault::Validation] {
        // 0 is after the first epoch, 20 the last step.
        for step in [1, 7, 20, 0] {
            without_hanging("fit", move || {
                let mut executor = executor();
                let mut striker = Striker(fault, executor.gpu().clone(), step);
                let (dataset, stop) = (shapes::generate(160, 40), AtomicBool::new(false));
                let trainer = Trainer::new(&mut executor, &dataset, 0, &stop).observe(&mut striker);
                let error: Error = trainer.fit(3).unwrap_err().into();
                fault.check("fit", &error);
            });
        }
    }
}
