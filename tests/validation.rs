//! Epochs are chosen by validation images, and the test images are left for the end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use image::{Rgb, RgbImage};
use serde_json::Value;
use wgrad::data::{Dataset, shapes};
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::train::evaluate;

mod command;

use command::*;

const MODEL: &str = "[[layers]]\ntype = \"max_pooling2d\"\npool_size = 4\n\n[[layers]]\ntype = \"flatten\"\n\n\
                     [[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";

/// Trains a small network in `dir`, and returns history, config and report.
fn run(dir: &Path, arguments: &str) -> (Value, Value, String) {
    let model = dir.join("model.toml");
    fs::write(&model, MODEL).unwrap();
    let out = dir.join("out");
    let mut command = wgrad(&format!("train {ADAPTER} {arguments} --model"));
    succeeds(command.arg(model).arg("--out").arg(&out));
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    (json(&out.join("history.json")), json(&out.join("config.json")), report)
}

/// The loss of weights that a run left, on the validation images of `dataset`.
fn loss(weights: &Path, dataset: &Dataset) -> f64 {
    let weights = Weights::read(weights).unwrap();
    let choice = AdapterChoice { adapter: Some("software".into()), ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let mut executor = Executor::new(gpu.clone(), weights.model.as_ref().unwrap(), Options::default()).unwrap();
    gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
    evaluate(&mut executor, dataset.validation_images(), &AtomicBool::new(false)).unwrap().unwrap().loss
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_split_chooses_the_epoch_and_the_test_images_wait() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = "--dataset shapes --limit 100 --validation-split 0.2 --seed 3 --epochs 4 --learning-rate 0.1 \
                     --keep-weights both --tuning none";
    let (history, config, report) = run(dir.path(), arguments);
    let words = "a validation split: 20 % of the training images, drawn with seed 3";
    assert_eq!((&history["validation"], &config["dataset"]["validation"]), (&words.into(), &words.into()));
    assert!(report.contains(words) && report.contains("80 training, 20 validation and 2,000 test images"), "{report}");
    let images = ["train_images", "validation_images", "test_images"].map(|name| config["dataset"][name].as_u64());
    assert_eq!(images, [Some(80), Some(20), Some(2000)]);

    // Limited first, and then drawn from what is left.
    let whole = shapes::generate(shapes::TRAIN_IMAGES, shapes::TEST_IMAGES);
    let limited = Dataset { train: Arc::new(whole.train.take(100)), ..whole };
    let dataset = limited.hold_out(0.2, 3).unwrap();
    let losses: Vec<f64> =
        history["epochs"].as_array().unwrap().iter().map(|row| row["val_loss"].as_f64().unwrap()).collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let out = dir.path().join("out");
    assert_eq!(loss(&out.join("last.safetensors"), &dataset), losses[3]);
    assert_eq!(loss(&out.join("best.safetensors"), &dataset), best);
    // The last figures are those of the test images, which no epoch has.
    let test = Dataset { validation: None, ..dataset };
    let evaluation = &history["evaluation"];
    assert_eq!(evaluation["images"], 2000);
    assert_eq!(loss(&out.join("weights.safetensors"), &test), evaluation["loss"].as_f64().unwrap());
    assert!(!losses.contains(&evaluation["loss"].as_f64().unwrap()));
}

#[test]
fn a_data_set_may_come_with_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = dir.path().join("pictures");
    for (split, count) in [("train", 8), ("validation", 3), ("test", 5)] {
        for (class, red) in [("dark", 20), ("light", 200)] {
            let folder = pictures.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for i in 0..count {
                RgbImage::from_pixel(8, 8, Rgb([red + i, 9, 9])).save(folder.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    let data = format!("--dataset folder:{} --image-size 8 --epochs 1", pictures.display());
    let (history, config, report) = run(dir.path(), &data);
    assert_eq!(history["validation"], "the validation images of the data set");
    assert_eq!(config["dataset"]["validation_images"], 6);
    assert_eq!(history["evaluation"]["images"], 10);
    assert!(report.contains("chosen by the validation images of the data set"), "{report}");

    let mut both = wgrad(&format!("train {ADAPTER} {data} --validation-split 0.5 --out"));
    let parts = ["has validation images of its own", "leave out --validation-split"];
    fails(both.arg(dir.path().join("out")), &parts);

    // Without any, the report says what that means.
    fs::remove_dir_all(pictures.join("validation")).unwrap();
    let (history, config, report) = run(dir.path(), &data);
    assert_eq!(history["validation"], "the test images themselves, which each epoch was evaluated on");
    assert!(config["dataset"]["validation_images"].is_null());
    assert!(report.contains("chosen by the test images themselves"), "{report}");
    assert_eq!(history["evaluation"]["loss"], history["epochs"][0]["val_loss"]);
}

#[test]
fn shares_that_are_none_are_refused() {
    let out = tempfile::tempdir().unwrap();
    for share in ["0", "1", "-0.1", "nan", "10"] {
        let arguments = format!("--validation-split {share}");
        fails(&mut train(out.path(), &arguments), &["--validation-split is", "between 0 and 1"]);
    }
    let few = "--limit 10 --validation-split 0.1";
    fails(&mut train(out.path(), few), &["has 1 training image", "needs 2 of each class"]);
    assert_eq!(entries(out.path()), 0);
}
