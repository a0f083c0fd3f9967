//! A run that was begun with any option of `train` can be killed and resumed, and ends with the bytes of one that was
//! never stopped.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use image::{GrayImage, Luma};
use serde_json::Value;
use tempfile::TempDir;
use wgrad::exchange::Weights;
use wgrad::model::{NamedTensor, Sequential};

mod command;

use command::*;

/// Command lines that have every option together, since some exclude each other. `{dir}` has the files of [`files`].
/// A run takes long enough to be killed in it.
const RUNS: [&str; 3] = [
    "--dataset shapes --limit 64 --validation-split 0.25 --model {dir}/model.toml --freeze dense_1 --epochs 6 \
     --batch-size 8 --seed 5 --learning-rate 0.01 --clip-norm 2 --accumulate 3 --ema 0.9 --evaluate-average --lookahead 2 --lookahead-alpha 0.6 --lookahead-statistics --group dense=0.5 --group */bias=1,0 --lr-schedule step:0.5@1 --weight-decay 1e-3 --label-smoothing 0.1 \
     --augment flip,crop:2 --early-stopping 5 --monitor val_accuracy --keep-weights both --adapter software \
     --backend vulkan --kernel direct --tuning none --steps-per-submit 2 --checkpoint-every 1 --overwrite --profile \
     --tensorboard {dir}/events",
    "--config {dir}/run.toml --dataset folder:{dir}/pictures --image-size 8x6 --channels 1 --recursive --strict --model {dir}/grey.toml \
     --epochs 8 --batch-size 4 --optimizer-form pytorch --momentum 0.9 --nesterov \
     --lr-schedule cosine --tune --adapter software --checkpoint-every 1 --no-report",
    "--dataset shapes --data-dir {dir} --limit 64 --from {dir}/weights.safetensors --append {dir}/append.toml --ignore-class-names \
     --epochs 6 --batch-size 8 --optimizer rmsprop --centered --momentum 0.5 --no-fusion --precision f16 --exact --adapter software \
     --checkpoint-every 1 --no-report",
];

/// What every run has.
const ALWAYS: [&str; 3] = ["help", "out", "resume"];

const MODEL: &str = "[[layers]]\ntype = \"max_pooling2d\"\npool_size = 4\n\n[[layers]]\ntype = \"flatten\"\n\n\
                     [[layers]]\ntype = \"dense\"\nunits = 16\n\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";
const GREY: &str = "[[layers]]\ntype = \"flatten\"\n\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";
const CONFIG: &str = "optimizer = \"sgd\"\nepochs = 3\n\n[data]\nrecursive = true\n";
const APPEND: &str = "[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";

/// The files that the command lines name.
fn files() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("model.toml", MODEL), ("grey.toml", GREY), ("append.toml", APPEND), ("run.toml", CONFIG)] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let tensor = |name: &str, shape: &[usize]| {
        let values = (0..shape.iter().product()).map(|i: usize| (i as f32 * 0.7).sin() * 0.1).collect();
        NamedTensor { name: name.into(), shape: shape.into(), values }
    };
    let weights = Weights {
        tensors: vec![tensor("dense/kernel", &[192, 10]), tensor("dense/bias", &[10])],
        model: Some(Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(4).flatten().dense(10).into()),
        class_names: wgrad::data::shapes::generate(10, 10).class_names,
    };
    fs::write(dir.path().join("weights.safetensors"), weights.to_bytes().unwrap()).unwrap();
    for split in ["train", "test"] {
        for (class, place) in ["dark", "dark/deep", "light"].into_iter().zip([0_u8, 60, 140]) {
            let folder = dir.path().join("pictures").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for i in 0..8 {
                let picture = GrayImage::from_fn(8, 6, |x, y| Luma([place + i * 9 + (x * 3 + y) as u8]));
                picture.save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    dir
}

/// The options of `train`, as its help lists them.
fn options() -> BTreeSet<String> {
    let help = stdout(&succeeds(&mut wgrad("train --help")));
    let options = help.lines().filter_map(|line| {
        let words = line.trim_start().split([' ', ',']);
        let name = words.filter(|word| word.starts_with('-')).find_map(|word| word.strip_prefix("--"))?;
        line.trim_start().starts_with('-').then(|| name.trim_end_matches(['[', ']', '=']).to_owned())
    });
    options.collect()
}

#[test]
fn every_option_has_an_example() {
    let listed = options();
    assert!(listed.len() > 30, "{listed:?}");
    let words = RUNS.iter().flat_map(|run| run.split_whitespace());
    let mut examples: BTreeSet<String> = words.filter_map(|word| word.strip_prefix("--")).map(String::from).collect();
    examples.extend(ALWAYS.map(String::from));
    let missing: Vec<_> = listed.difference(&examples).collect();
    assert!(missing.is_empty(), "add {missing:?} to one of RUNS, so that a run with it is killed and resumed");
    let unknown: Vec<_> = examples.difference(&listed).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// `wgrad train` in the directory of the files, which has the user's cache too.
fn wgrad_train(dir: &Path, arguments: &str, out: &Path) -> Command {
    let mut command = wgrad(&format!("train {}", arguments.replace("{dir}", dir.to_str().unwrap())));
    command.env("HOME", dir).env("XDG_CACHE_HOME", dir.join("cache")).arg("--out").arg(out);
    command
}

/// Updates of the newest checkpoint in a directory.
fn updates(out: &Path) -> Option<u64> {
    let names = fs::read_dir(out).ok()?.flatten().map(|entry| entry.file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix("checkpoint-")?.get(..9)?.parse().ok()).max()
}

/// Begins a run and kills it after some steps.
fn begin_and_kill(dir: &Path, arguments: &str) -> PathBuf {
    for attempt in 0..20 {
        let out = dir.join(format!("killed_{attempt}"));
        let mut command = wgrad_train(dir, arguments, &out);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while updates(&out).is_none_or(|updates| updates < 3) && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(120), "no step: {arguments}");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.signal() == Some(9) {
            return out;
        }
        assert!(output.status.success(), "{arguments}: {}", stderr(&output));
    }
    panic!("each run ended before it could be killed: {arguments}");
}

/// All files with weights, and the history without its times.
fn result(out: &Path) -> (Vec<(String, Vec<u8>)>, Value) {
    let names = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut weights: Vec<_> = names
        .filter(|name| name.ends_with(".safetensors") && !name.starts_with("checkpoint-"))
        .map(|name| (name.clone(), fs::read(out.join(&name)).unwrap()))
        .collect();
    weights.sort();
    let mut history = json(&out.join("history.json"));
    for row in history["epochs"].as_array_mut().unwrap() {
        for time in ["seconds", "images_per_second"] {
            row.as_object_mut().unwrap().remove(time).unwrap();
        }
    }
    history["evaluation"].as_object_mut().unwrap().remove("seconds").unwrap();
    (weights, history)
}

#[test]
fn a_run_with_any_option_is_resumed_to_the_same_bytes() {
    let check = |arguments: &str| {
        let files = files();
        let dir = files.path();
        let killed = begin_and_kill(dir, arguments);
        let mut resume = wgrad("train --resume");
        succeeds(resume.env("HOME", dir).env("XDG_CACHE_HOME", dir.join("cache")).arg(&killed));
        let whole = dir.join("whole");
        // What was measured differs from one measurement to the next, and with it the bits: both use one.
        let measured = format!("--tuning {}", killed.join("config.json").display());
        succeeds(&mut wgrad_train(dir, &arguments.replace("--tune ", &format!("{measured} ")), &whole));
        let (killed, whole) = (result(&killed), result(&whole));
        assert!(killed.0.len() >= 2 && killed.1["epochs"].as_array().is_some_and(|rows| rows.len() > 1));
        assert!(killed == whole, "{arguments}");
    };
    thread::scope(|scope| {
        for arguments in RUNS {
            scope.spawn(move || check(arguments));
        }
    });
}
