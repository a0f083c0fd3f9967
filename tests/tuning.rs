//! The binary measures choices, keeps them, uses them again, and ignores them if their file is damaged.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

mod command;

use command::*;

#[test]
fn choices_are_measured_kept_and_repeated() {
    let home = TempDir::new().unwrap();
    let at_home = |mut command: Command| {
        command.env("HOME", home.path()).env("XDG_CACHE_HOME", home.path()).env("LOCALAPPDATA", home.path());
        command
    };
    let output = succeeds(&mut at_home(wgrad(&format!("tune {ADAPTER} --batch-size 4"))));
    let text = stdout(&output);
    assert!(text.contains("forward of 4 x 32 x 32 x 3"), "{text}");
    // On a busy machine times may be noise.
    let (saved, noise) = (text.contains("The choices are saved in "), stderr(&output).contains("nothing was chosen"));
    assert!(saved != noise, "{text}{}", stderr(&output));
    assert!(!text.contains("please report"), "{text}");

    let outs = [0, 1, 2].map(|_| TempDir::new().unwrap());
    let small = "--epochs 1 --batch-size 4 --limit 40";
    let products = |i: usize| json(&outs[i].path().join("config.json"))["products"].clone();
    succeeds(&mut at_home(train(outs[0].path(), small)));
    // Choices that no rule makes, as another run might have measured them.
    let mut config = json(&outs[0].path().join("config.json"));
    for (key, choice) in config["products"].as_object_mut().unwrap() {
        *choice = serde_json::json!({ "kernel": "direct", "parts": if key.starts_with("dw") { 3 } else { 1 } });
    }
    let file = home.path().join("config.json");
    fs::write(&file, config.to_string()).unwrap();
    for out in &outs[1..] {
        succeeds(at_home(train(out.path(), small)).arg("--tuning").arg(&file));
    }
    assert!(products(1).as_object().unwrap().values().all(|choice| choice["kernel"] == "direct"));
    assert!(products(1).as_object().unwrap().values().any(|choice| choice["parts"] == 3));
    let weights = |i: usize| fs::read(outs[i].path().join("weights.safetensors")).unwrap();
    assert!(weights(1) == weights(2), "one choice gave two results");
    // They hold for another batch size, and the rule says in how many parts.
    succeeds(at_home(train(outs[2].path(), "--epochs 1 --batch-size 8 --limit 40")).arg("--tuning").arg(&file));
    assert!(
        products(2)
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, choice)| { key.contains(" of 8 x ") && choice["kernel"] == "direct" })
    );

    let folder = if cfg!(target_os = "macos") { "Library/Caches/wgrad" } else { "wgrad" };
    let cache = home.path().join(folder).join("tuning.json");
    assert_eq!(cache.exists(), saved);
    fs::create_dir_all(cache.parent().unwrap()).unwrap();
    fs::write(&cache, "{").unwrap();
    let output = succeeds(&mut at_home(train(outs[2].path(), small)));
    let warnings = stderr(&output).lines().filter(|line| line.contains("tuning.json is ignored")).count();
    assert_eq!(warnings, 1, "{}", stderr(&output));
    fails(train(outs[2].path(), small).arg("--tuning").arg(cache), &["--tuning", "config.json of a run"]);
}
