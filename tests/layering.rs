//! A module imports only what stands below it.

use std::path::Path;

/// From the top down; modules of one line don't import each other.
const LAYERS: [&[&str]; 10] = [
    &["cli"],
    &["report", "self_test"],
    &["train"],
    &["exec"],
    &["exchange"],
    &["model", "data"],
    &["optim"],
    &["ops"],
    &["graph", "gpu"],
    &["kernel", "shape", "minibatch", "file", "cache", "text", "foreign_panic", "jpeg"],
];

fn level(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Checks a file, or all files below a directory.
fn check(path: &Path, module: &str, found: &mut usize) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            check(&entry.unwrap().path(), module, found);
        }
        return;
    }
    let own = level(module).unwrap();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let code = line.trim_start();
        let Some(rest) = code.strip_prefix("use crate::").or_else(|| code.strip_prefix("use wgrad::")) else {
            continue;
        };
        let other: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let other = match other.as_str() {
            "Shape" => "shape",
            name => name,
        };
        assert!(!["error", "Error"].contains(&other), "{}: the error of the whole library: {line}", path.display());
        let Some(below) = level(other) else { continue };
        *found += 1;
        let allowed = other == module || below > own;
        assert!(allowed, "{}: `{module}` stands beside or below `{other}`: {line}", path.display());
    }
}

#[test]
fn modules_import_only_what_is_below() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = 0;
    for entry in std::fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // The root, the program, and the error of the whole library stand above all modules.
        if ["lib", "main", "error"].contains(&module.as_str()) {
            continue;
        }
        check(&path, &module, &mut found);
    }
    assert!(found > 50, "only {found} imports seen");
}
