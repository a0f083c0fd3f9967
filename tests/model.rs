//! Model files, weights to start from, layers on top, and frozen ones, through the binary.

use std::fs;
use std::path::Path;

use wgrad::exchange::Weights;

mod command;

use command::*;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

/// The table of the report's second attempt, as Keras printed it, line by line.
const ATTEMPT_2: &str = "\
conv2d (Conv2D)                 | (None, 30, 30, 32)     |           896
max_pooling2d (MaxPooling2D)    | (None, 15, 15, 32)     |             0
conv2d_1 (Conv2D)               | (None, 13, 13, 64)     |        18,496
max_pooling2d_1 (MaxPooling2D)  | (None, 6, 6, 64)       |             0
conv2d_2 (Conv2D)               | (None, 4, 4, 64)       |        36,928
flatten (Flatten)               | (None, 1024)           |             0
dense (Dense)                   | (None, 64)             |        65,600
dense_1 (Dense)                 | (None, 10)             |           650
flatten_1 (Flatten)             | (None, 10)             |             0
dense_2 (Dense)                 | (None, 128)            |         1,408
dense_3 (Dense)                 | (None, 10)             |         1,290";

#[test]
fn both_tables_of_the_report() {
    let append = format!("--append {MODELS}/attempt_2_layers.toml");
    for (options, lines, total) in [("", 8, "122,570"), (&append, 11, "125,268")] {
        let table = stdout(&succeeds(&mut wgrad(&format!("summary {options}"))));
        let rows = table.lines().filter(|line| line.starts_with('│'));
        let rows: Vec<String> = rows.map(|row| row.trim_matches(['│', ' ']).replace('│', "|")).collect();
        assert_eq!(
            rows[0].split_whitespace().collect::<String>(),
            "rescaling(Rescaling)|(None,32,32,3)|0",
            "{options}"
        );
        assert_eq!(rows[1..], ATTEMPT_2.lines().take(lines).collect::<Vec<_>>()[..], "{options}");
        assert!(table.contains(&format!(" Total params: {total} ")), "{table}");
        assert!(table.contains(&format!(" Trainable params: {total} ")), "{table}");
    }
    let table =
        stdout(&succeeds(&mut wgrad(&format!("summary --model {MODELS}/tutorial_128.toml --freeze conv2d,dense"))));
    assert!(table.contains(" Total params: 188,810 "), "{table}");
    assert!(table.contains(" Non-trainable params: 132,096 "), "{table}");
}

fn weights(out: &Path) -> Weights {
    Weights::read(&out.join("weights.safetensors")).unwrap()
}

#[test]
fn training_goes_on_from_weights_with_layers_on_top() {
    let outs = [0, 1, 2].map(|_| tempfile::tempdir().unwrap());
    let file = |i: usize| outs[i].path().join("weights.safetensors").display().to_string();
    succeeds(&mut train(outs[0].path(), "--epochs 1 --limit 96"));
    let options = format!("--append {MODELS}/attempt_2_layers.toml --freeze conv2d,dense_2 --epochs 1 --limit 96");
    let output = succeeds(&mut train(outs[1].path(), &format!("--from {} {options}", file(0))));
    assert!(stdout(&output).contains(" Total params: 125,268 "));
    let (before, after) = (weights(outs[0].path()), weights(outs[1].path()));
    let value = |weights: &Weights, name: &str| weights.tensors.iter().find(|tensor| tensor.name == name).cloned();
    for tensor in &before.tensors {
        let frozen = tensor.name.starts_with("conv2d/");
        assert_eq!(value(&after, &tensor.name).as_ref() == Some(tensor), frozen, "{}", tensor.name);
    }
    // Frozen from the start: still the initial weights, whose biases are 0.
    assert_eq!(value(&after, "dense_2/bias").unwrap().values, [0.0; 128]);
    assert_eq!(after.model.as_ref().unwrap().classes().unwrap(), 10);

    // The file says which network it is, and which classes.
    assert_eq!(after.class_names.len(), 10);
    let eval = |options: &str| stdout(&succeeds(&mut wgrad(&format!("eval --dataset shapes {ADAPTER} {options}"))));
    let result = eval(&format!("--weights {}", file(1)));
    assert!(stdout(&output).contains(result.lines().last().unwrap().split(" - loss").last().unwrap()));

    // From a network of its own on, without more layers.
    succeeds(&mut train(outs[2].path(), &format!("--from {} --epochs 1 --limit 96", file(1))));
    assert_eq!(weights(outs[2].path()).tensors.len(), 14);
}

#[test]
fn every_kind_of_layer_trains_and_repeats() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("model.toml");
    fs::write(
        &model,
        r#"
        input = [32, 32, 3]
        layers = [
            { type = "conv2d", filters = 8, kernel_size = [3, 5], strides = [1, 2], padding = "same", activation = "gelu" },
            { type = "max_pooling2d", pool_size = 3, strides = 2 },
            { type = "dropout", rate = 0.25 },
            { type = "conv2d", name = "second", filters = 6, kernel_size = 3, activation = "tanh" },
            { type = "average_pooling2d", pool_size = 2 },
            { type = "activation", activation = "sigmoid" },
            { type = "global_average_pooling2d" },
            { type = "dense", units = 12, activation = "relu" },
            { type = "flatten" },
            { type = "dense", units = "classes", activation = "softmax" },
        ]"#,
    )
    .unwrap();
    let outs = [0, 1].map(|_| tempfile::tempdir().unwrap());
    for out in &outs {
        let options = format!("--model {} --epochs 2 --limit 400", model.display());
        succeeds(&mut train(out.path(), &options));
    }
    let bytes = |i: usize| fs::read(outs[i].path().join("weights.safetensors")).unwrap();
    assert!(bytes(0) == bytes(1), "dropout does not repeat");
    let history = json(&outs[0].path().join("history.json"));
    let losses: Vec<f64> =
        history["epochs"].as_array().unwrap().iter().map(|row| row["loss"].as_f64().unwrap()).collect();
    assert!(losses[1] < losses[0] && losses[0] < 2.5, "{losses:?}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = out.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.toml", "[[layers]]\ntype = \"lstm\"");
    let wide = file("wide.toml", "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 7");
    let large = file(
        "large.toml",
        "input = [64, 64, 3]\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 10",
    );
    for (options, parts) in [
        ("--model /no/such.toml".to_owned(), ["/no/such.toml", "model file"]),
        (format!("--model {unknown}"), ["unknown.toml", "global_average_pooling2d"]),
        (format!("--model {wide}"), ["wide.toml", "7 classes"]),
        (format!("--model {large}"), ["large.toml", "64 x 64 x 3"]),
        (format!("--from {wide}"), ["wide.toml", "safetensors"]),
        ("--freeze conv9".to_owned(), ["conv9", "conv2d, conv2d_1, conv2d_2, dense, dense_1"]),
        (format!("--append {unknown}"), ["unknown.toml", "lstm"]),
    ] {
        fails(&mut train(out.path(), &format!("--limit 32 --epochs 1 {options}")), &parts);
    }
    assert!(!out.path().join("weights.safetensors").exists());
}

/// All experiments on black images: what comes out is nothing to speak of, but each goes on from the one before.
#[test]
fn reproduce_runs_each_experiment_once() {
    let (data, out) = (black_cifar10(), tempfile::tempdir().unwrap());
    let reproduce = || {
        let mut command = wgrad(&format!("reproduce --limit 32 {ADAPTER} --data-dir"));
        command.arg(data.path()).arg("--out").arg(out.path());
        command
    };
    let first = stdout(&succeeds(&mut reproduce()));
    assert_eq!(first.matches(", run 1 of 1, with seed 0: ").count(), 3);
    let parameters = |experiment: &str| {
        let weights = weights(&out.path().join("run_0").join(experiment));
        weights.tensors.iter().map(|tensor| tensor.values.len()).sum::<usize>()
    };
    assert_eq!(["baseline", "attempt_1", "attempt_2"].map(parameters), [122_570, 122_570, 125_268]);
    let again = stdout(&succeeds(&mut reproduce()));
    assert!(!again.contains("run 1 of 1"), "{again}");
    for output in [&first, &again] {
        let rows: Vec<&str> = output.lines().filter(|line| line.trim_start().starts_with("wgrad  ")).collect();
        // Every image is black and of label 0.
        assert!(rows.len() == 3 && rows.iter().all(|row| row.contains("1.0000")), "{output}");
    }
    for file in ["reproduction.html", "reproduction.md", "reproduction.json", "plots/attempt_2.svg"] {
        assert!(out.path().join(file).exists(), "{file}");
    }
    // With other settings the runs there are another's.
    fails(
        reproduce().arg("--kernel").arg("direct"),
        &["--kernel direct: ", "baseline was made without --kernel", "another --out"],
    );
}
