//! README.md and docs: their length, and where their links lead.

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Most words that README.md may have.
const MOST_WORDS: usize = 900;

fn markdown_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// The names that GitHub gives the headings of a file.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors = Vec::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
            Event::Text(part) | Event::Code(part) => {
                let kept = part.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                heading
                    .iter_mut()
                    .for_each(|heading| heading.extend(kept.clone().map(|c| if c == ' ' { '-' } else { c })));
            }
            _ => {}
        }
    }
    anchors.iter().map(|anchor| anchor.to_lowercase()).collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    markdown_files(&root.join("docs"), &mut files);
    let mut links = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            let Event::Start(Tag::Link { dest_url: link, .. } | Tag::Image { dest_url: link, .. }) = event else {
                continue;
            };
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} does not exist", file.display());
            if !anchor.is_empty() {
                let anchors = anchors(&fs::read_to_string(&target).unwrap());
                assert!(anchors.iter().any(|name| name == anchor), "{}: {link}: {anchors:?}", file.display());
            }
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

#[test]
fn the_readme_is_short_and_shows_one_picture() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let words = text.split_whitespace().count();
    assert!(words <= MOST_WORDS, "README.md has {words} words; the docs are the place for more than {MOST_WORDS}");
    let pictures = Parser::new(&text).filter(|event| matches!(event, Event::Start(Tag::Image { .. }))).count();
    assert_eq!(pictures, 1);
}
