//! A module imports only what stands below it, and files don't import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
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

/// Modules inside which files don't import each other in a circle.
const WITHOUT_CIRCLES: [&str; 7] = ["cli", "exec", "model", "kernel", "report", "self_test", "shape"];

/// Place of a module in the crate, or of a thing in a module: `["exec", "program"]`.
type Place = Vec<String>;

/// A file of the crate.
#[derive(Default)]
struct Module {
    /// The paths in its code, without those in its tests and in its re-exports.
    paths: Vec<Place>,
    /// What its imports and re-exports call by a short name.
    names: BTreeMap<String, Place>,
}

/// The files of the crate, by their modules.
struct Source(BTreeMap<Place, Module>);

impl Source {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut texts = BTreeMap::new();
        collect(&root, &Vec::new(), &mut texts);
        let modules: BTreeSet<Place> = texts.keys().cloned().collect();
        Self(texts.iter().map(|(place, text)| (place.clone(), Module::read(place, text, &modules))).collect())
    }

    /// The module that defines what `path` names, through re-exports.
    fn definition(&self, path: &[String]) -> Option<Place> {
        let mut path = path.to_vec();
        for _ in 0..16 {
            let depth = (0..=path.len()).rev().find(|depth| self.0.contains_key(&path[..*depth]))?;
            let next = path.get(depth).and_then(|name| self.0[&path[..depth]].names.get(name));
            match next {
                Some(next) if !path.starts_with(next) => path = [next.as_slice(), &path[depth + 1..]].concat(),
                _ => return Some(path[..depth].to_vec()),
            }
        }
        panic!("re-exports in a circle: {path:?}");
    }

    /// Each module with those that it uses.
    fn uses(&self) -> BTreeMap<&Place, BTreeSet<Place>> {
        let uses = |(place, module): (_, &Module)| {
            let mut used: BTreeSet<Place> = module.paths.iter().filter_map(|path| self.definition(path)).collect();
            used.remove(place);
            (place, used)
        };
        self.0.iter().map(uses).collect()
    }
}

impl Module {
    fn read(place: &Place, text: &str, modules: &BTreeSet<Place>) -> Self {
        let mut module = Self::default();
        let (imports, code) = split(text);
        for (public, import) in imports {
            for path in expand(&import) {
                let Some(path) = absolute(place, &path, modules) else { continue };
                module.names.insert(path.last().cloned().unwrap_or_default(), path.clone());
                if !public {
                    module.paths.push(path);
                }
            }
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for word in code.split(|c| !is_word(c)).filter(|word| word.contains("::")) {
            let mut path: Place = word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            // A module that was imported.
            if let Some(known) = path.first().and_then(|first| module.names.get(first)) {
                path = [known, &path[1..]].concat();
                module.paths.push(path);
            } else if let Some(path) = absolute(place, &path, modules) {
                module.paths.push(path);
            }
        }
        module
    }
}

fn collect(directory: &Path, place: &Place, texts: &mut BTreeMap<Place, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = [place.as_slice(), std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            collect(&path, &inner, texts);
        } else if name == "mod" {
            texts.insert(place.clone(), fs::read_to_string(&path).unwrap());
        } else if !["lib", "main"].contains(&name.as_str()) {
            texts.insert(inner, fs::read_to_string(&path).unwrap());
        } else if name == "lib" {
            // The root names its modules and re-exports; they are not imports.
            let text = fs::read_to_string(&path).unwrap();
            let exports = text.lines().filter(|line| line.starts_with("pub use ")).collect::<Vec<_>>().join("\n");
            texts.insert(place.clone(), exports);
        }
    }
}

/// The imports of a file, with whether they are re-exports, and the rest of its code, both without comments and tests.
fn split(text: &str) -> (Vec<(bool, String)>, String) {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut imports, mut rest) = (Vec::new(), String::new());
    for statement in code.split_inclusive(';') {
        let start = statement.rfind("use ").filter(|start| {
            let before = statement[..*start].trim_end();
            let visible = before.rsplit([';', '\n', '}', ']']).next().unwrap_or_default().trim();
            visible.is_empty() || visible.starts_with("pub")
        });
        match start {
            Some(start) => {
                let before = statement[..start].rsplit('\n').next().unwrap_or_default();
                imports.push((before.contains("pub"), statement[start + 4..].trim_end_matches(';').to_owned()));
                rest += &statement[..start];
            }
            None => rest += statement,
        }
    }
    (imports, rest)
}

/// The paths of an import: `a::{b, c::{d, self}}` has three.
fn expand(import: &str) -> Vec<Place> {
    let Some((head, tail)) = import.split_once('{') else {
        let path = import.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()];
    };
    let head: Place = head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let body = tail.rsplit_once('}').map_or(tail, |(body, _)| body);
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (end, c) in body.char_indices().chain([(body.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                for path in expand(&body[start..end]) {
                    let path = if path == ["self"] { Vec::new() } else { path };
                    paths.push([head.as_slice(), &path].concat());
                }
                start = end + 1;
            }
            _ => {}
        }
    }
    paths.retain(|path| path.len() > 1);
    paths
}

/// A path from the root of the crate; none if it leads into another crate.
fn absolute(place: &Place, path: &[String], modules: &BTreeSet<Place>) -> Option<Place> {
    let (first, rest) = path.split_first()?;
    let up = path.iter().take_while(|part| *part == "super").count();
    match first.as_str() {
        "crate" | "wgrad" => Some(rest.to_vec()),
        "self" => Some([place, rest].concat()),
        "super" => Some([&place[..place.len().checked_sub(up)?], &path[up..]].concat()),
        _ => {
            let child = [place.as_slice(), std::slice::from_ref(first)].concat();
            modules.contains(&child).then(|| [place.as_slice(), path].concat())
        }
    }
}

#[test]
fn modules_import_only_what_is_below() {
    let source = Source::read();
    let level = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut found = 0;
    for (place, used) in source.uses() {
        // The root and the error of the whole library stand above all modules.
        let Some(module) = place.first().filter(|module| *module != "error") else { continue };
        let own = level(module).unwrap_or_else(|| panic!("`{module}` has no place in the list of layers"));
        for other in used.iter().filter(|other| other.first() != Some(module)) {
            let below = other.first().and_then(|other| level(other));
            assert!(
                below.is_some_and(|below| below > own),
                "{place:?} imports {other:?}, which does not stand below it"
            );
            found += 1;
        }
    }
    assert!(found > 200, "only {found} imports seen");
}

/// What needs a host: threads, files, clocks, the environment, and waiting.
const OF_THE_HOST: [&str; 9] =
    ["std::fs", "std::thread", "std::process", "std::env", "std::net", "Instant", "SystemTime", "block_on", "pollster"];

#[test]
fn only_what_the_feature_host_builds_needs_a_host() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    collect(&source, &Vec::new(), &mut texts);
    let root = fs::read_to_string(source.join("lib.rs")).unwrap();
    let gated = |module: &str| {
        let gate = |line: &str| root.contains(&format!("#[cfg(feature = \"host\")]\n{line} {module};"));
        gate("mod") || gate("pub mod")
    };
    let mut engine = 0;
    for (place, text) in &texts {
        let Some(module) = place.first() else { continue };
        if module == "cli" || gated(module) || place.iter().any(|part| part == "host") {
            continue;
        }
        engine += 1;
        let (imports, code) = split(text);
        let text = imports.into_iter().map(|(_, import)| import).chain([code]).collect::<Vec<_>>().join("\n");
        for word in OF_THE_HOST {
            assert!(!text.contains(word), "{}: `{word}` needs a host", place.join("::"));
        }
    }
    assert!(engine > 100, "only {engine} files");
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let source = Source::read();
    let mut uses = source.uses();
    uses.retain(|place, _| place.first().is_some_and(|module| WITHOUT_CIRCLES.contains(&module.as_str())));
    let seen: usize = uses.values().map(BTreeSet::len).sum();
    assert!(seen > 200, "only {seen} imports seen");
    // Takes away files that import nothing of what is left, or that nothing left imports, until only circles are left.
    loop {
        let left: BTreeSet<Place> = uses.keys().map(|place| (*place).clone()).collect();
        let imported: BTreeSet<Place> = uses.values().flatten().cloned().collect();
        uses.retain(|place, used| imported.contains(*place) && !used.is_disjoint(&left));
        if uses.len() == left.len() {
            break;
        }
    }
    let left: BTreeSet<Place> = uses.keys().map(|place| (*place).clone()).collect();
    let circle: Vec<String> = (uses.iter())
        .map(|(place, used)| {
            let inside: Vec<String> = used.intersection(&left).map(|other| other.join("::")).collect();
            format!("{} -> {}", place.join("::"), inside.join(", "))
        })
        .collect();
    assert!(circle.is_empty(), "circles, or what lies between two:\n{}", circle.join("\n"));
}

#[test]
fn files_are_short() {
    let mut texts = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &Vec::new(), &mut texts);
    for (place, text) in texts {
        let lines = text.lines().count();
        assert!(lines < 300, "{} has {lines} lines", place.join("::"));
    }
}
