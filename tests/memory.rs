//! Memory: a run allocates everything in its first epoch, and a run that does not fit is refused before it starts.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wgrad::data::shapes;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;
use wgrad::train::{
    CheckpointInterval, Checkpoints, EarlyStopping, Ending, EpochWeights, HistoryRow, KeptWeights, Monitor, Observer,
    OutputDir, RunRecord, TrainError, Trainer, evaluate_and_predict,
};

mod command;

use command::*;

/// Notes how many objects there are after each epoch.
struct Count(Vec<u64>);

impl Observer for Count {
    fn on_epoch_end(&mut self, _: &HistoryRow, executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        self.0.push(executor.gpu().created());
        Ok(ControlFlow::Continue(()))
    }
}

/// With gradient norms, evaluation, checkpoints, and early stopping that restores weights.
#[test]
fn no_epoch_but_the_first_creates_anything_on_the_device() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model =
        Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).conv2d(8, 3).relu().max_pool2d(4).flatten().dense(10);
    let mut executor = Executor::new(gpu.clone(), &model, Options { batch_size: 16, ..Options::default() }).unwrap();
    let before = gpu.created();
    let dataset = shapes::generate(160, 80);
    let dir = tempfile::tempdir().unwrap();
    let out = OutputDir::create(dir.path(), 1 << 20).unwrap();
    let mut weights = EpochWeights::new(KeptWeights::Both, Monitor::ValLoss, &out, &model, &dataset.class_names);
    // Early stopping waits for one epoch, and the accuracy soon stops rising.
    let mut early_stopping = EarlyStopping::new(Monitor::ValAccuracy, 2);
    let mut count = Count(Vec::new());
    let stop = AtomicBool::new(false);
    let trainer = Trainer::new(&mut executor, &dataset, 0, &stop)
        .checkpoints(Checkpoints::new(&out, CheckpointInterval::Steps(7), RunRecord::default()))
        .observe(&mut weights)
        .observe(&mut early_stopping)
        .observe(&mut count);
    assert_eq!(trainer.fit(60).unwrap(), Ending::Enough);
    evaluate_and_predict(&mut executor, &dataset.test, &stop).unwrap();
    assert!(count.0.len() >= 3, "{:?}", count.0);
    assert!(count.0.iter().all(|created| *created == before), "{before}: {:?}", count.0);
    assert_eq!(gpu.created(), before);
}

#[test]
fn a_minibatch_over_a_limit_is_refused_with_the_largest_that_fits() {
    let out = tempfile::tempdir().unwrap();
    // More than a binding can hold, and more than a grid can have.
    for batch_size in ["1000000", "4000000000"] {
        let output = train(out.path(), &format!("--batch-size {batch_size}")).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(4), "{message}");
        assert!(message.starts_with("error: ") && message.lines().count() == 1, "{message}");
        let (_, largest) = message.trim_end().rsplit_once("the largest batch that fits is ").unwrap();
        let largest: usize = largest.parse().unwrap();
        assert!((100..1_000_000).contains(&largest), "{message}");
        let again = format!("the largest batch that fits is {largest}");
        fails(&mut train(out.path(), &format!("--batch-size {}", largest + 1)), &["that this adapter allows", &again]);
    }
    assert_eq!(entries(out.path()), 0);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead, BufReader, Read};
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    /// Every option that allocates or keeps something between epochs.
    const EVERYTHING: &str = "--limit 320 --epochs 22 --steps-per-submit 4 --augment flip,crop:4,cutout:8 \
                              --lr-schedule plateau:0.5@3 --early-stopping 50 --keep-weights both --checkpoint-every 7 --no-report";

    const MODEL: &str = "layers = [{ type = 'max_pooling2d', pool_size = 4 }, { type = 'dropout', rate = 0.25 }, \
                         { type = 'flatten' }, { type = 'dense', units = 'classes' }]";

    fn resident_kilobytes(process: u32) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn resident_memory_is_flat_from_the_second_epoch_to_the_twentieth() {
        let out = tempfile::tempdir().unwrap();
        let model = out.path().join("model.toml");
        std::fs::write(&model, MODEL).unwrap();
        let mut command = train(&out.path().join("out"), EVERYTHING);
        command.arg("--model").arg(&model).arg("--tensorboard").arg(out.path().join("events"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut resident = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // An epoch begins when the one before has ended.
            if line == "Epoch 3/22" || line == "Epoch 21/22" {
                resident.push(resident_kilobytes(child.id()));
            }
        }
        let mut message = String::new();
        child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(child.wait().unwrap().success(), "{message}");
        let [second, twentieth] = resident[..] else { panic!("{resident:?}") };
        assert!((twentieth / second - 1.0).abs() < 0.02, "{second} kB, then {twentieth} kB");
    }

    /// `command` with no more address space than `kilobytes`.
    fn confined(command: &Command, kilobytes: u32) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {kilobytes} && exec \"$@\""), "sh"]);
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
        shell
    }

    #[test]
    fn too_little_memory_is_an_error_before_training() {
        let out = tempfile::tempdir().unwrap();
        let with = |batch_size: usize| train(out.path(), &format!("--batch-size {batch_size}"));
        // With less than the driver needs, it would crash.
        for kilobytes in [200_000, 400_000, 900_000] {
            let bytes = (u64::from(kilobytes) * 1024).to_string();
            fails(&mut confined(&with(32), kilobytes), &["address space", &bytes, "ulimit -v"]);
        }
        // Each tensor is within the adapter's limits, but not all of them within the process's.
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("model.toml");
        let convolutions = "{ type = 'conv2d', filters = 8, kernel_size = 3, padding = 'same' }, ".repeat(8);
        let head = "{ type = 'flatten' }, { type = 'dense', units = 'classes' }";
        std::fs::write(&model, format!("layers = [{convolutions}{head}]")).unwrap();
        let parts = ["all tensors together", "memory left to this process", "the largest batch that fits is "];
        fails(&mut confined(with(1024).arg("--model").arg(&model), 1_200_000), &parts);
        assert_eq!(entries(out.path()), 0);
    }
}
