//! What wgrad keeps for later runs, and how it is deleted.

// Windows and macOS keep their cache directory where no variable moves it.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

mod command;

use command::*;

fn cache(home: &Path, arguments: &str) -> Command {
    let mut command = wgrad(&format!("cache {arguments}"));
    command.env("XDG_CACHE_HOME", home);
    command
}

fn lines(home: &Path, arguments: &str) -> Vec<String> {
    stdout(&succeeds(&mut cache(home, arguments))).lines().map(String::from).collect()
}

#[test]
fn what_is_kept_is_listed_and_deleted_by_name() {
    let home = tempfile::tempdir().unwrap();
    assert!(lines(home.path(), "")[0].starts_with("wgrad keeps nothing in "));
    let kept = home.path().join("wgrad");
    fs::create_dir_all(kept.join("mnist")).unwrap();
    fs::write(kept.join("mnist").join("images"), [0; 2048]).unwrap();
    fs::create_dir(kept.join("cifar10")).unwrap();
    fs::write(kept.join("tuning.json"), "{}").unwrap();

    let list = lines(home.path(), "");
    assert_eq!(list.len(), 4, "{list:?}");
    assert!(list[0].ends_with(&kept.display().to_string()), "{list:?}");
    assert_eq!(list[2].split_whitespace().collect::<Vec<_>>(), ["mnist", "2.00", "KB"]);
    let json: serde_json::Value = serde_json::from_str(&lines(home.path(), "--json").concat()).unwrap();
    assert_eq!(json["entries"][1], serde_json::json!({ "name": "mnist", "bytes": 2048 }));

    fails(
        &mut cache(home.path(), "clear mnist cifar1"),
        &["nothing is kept as `cifar1`", "cifar10, mnist, tuning.json"],
    );
    assert!(kept.join("mnist").exists());
    assert_eq!(lines(home.path(), "clear mnist"), ["deleted mnist (2.00 KB)"]);
    assert!(!kept.join("mnist").exists() && kept.join("cifar10").exists());
    assert_eq!(lines(home.path(), "clear all").len(), 2);
    assert_eq!(entries(&kept), 0);
    fails(&mut cache(home.path(), "clear mnist"), &["wgrad keeps nothing"]);
}
