//! What the documentation says about the command line, compared with the command line.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use wgrad::train::OptimizerKind;

use super::Cli;

/// README.md, CONTRIBUTING.md and docs/*.md.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| root.join(name))).collect()
}

/// The commands of the blocks of shell commands; a line that ends in a backslash goes on in the next.
fn shell_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => inside = &*language == "sh",
            Event::End(TagEnd::CodeBlock) => inside = false,
            Event::Text(block) if inside => lines.extend(block.replace("\\\n", " ").lines().map(String::from)),
            _ => {}
        }
    }
    lines
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
}

/// The default that the help of an option gives, whether clap knows it or the text says it.
fn default(option: &Arg) -> Option<String> {
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let said = help.split_once("[default: ").and_then(|(_, rest)| Some(rest.split_once(']')?.0.to_owned()));
    option.get_default_values().first().map(|value| value.to_string_lossy().into_owned()).or(said)
}

#[test]
fn every_command_in_the_documentation_is_one_that_wgrad_takes() {
    let mut commands = 0;
    for path in documents() {
        for line in shell_lines(&fs::read_to_string(&path).unwrap()) {
            let line = line.split(" #").next().unwrap_or_default();
            let arguments = line.strip_prefix("wgrad ").or(line.strip_prefix("cargo run --release -- "));
            let Some(arguments) = arguments else { continue };
            let parsed = Cli::command().no_binary_name(true).try_get_matches_from(arguments.split_whitespace());
            assert!(parsed.is_ok(), "{}: `{line}`: {}", path.display(), parsed.unwrap_err());
            commands += 1;
        }
    }
    assert!(commands > 10, "{commands}");
}

/// Every option of every command stands in docs/options.md, those of `train` with their defaults, and no other does.
#[test]
fn the_table_of_options_has_every_option_and_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/options.md");
    let text = fs::read_to_string(path).unwrap();
    let (of_train, _) = text.split_once("## Options of the other commands").unwrap();
    let cli = Cli::command();
    for command in cli.get_subcommands() {
        let table = if command.get_name() == "train" { of_train } else { &text };
        for option in options(command).filter_map(Arg::get_long) {
            let is_named = table.contains(&format!("`--{option}`")) || table.contains(&format!("`--{option} "));
            assert!(is_named, "docs/options.md lacks --{option} of `wgrad {}`", command.get_name());
        }
    }
    let train = cli.find_subcommand("train").unwrap();
    for option in options(train).filter(|option| option.get_action().takes_values()) {
        let (Some(long), Some(default)) = (option.get_long(), default(option)) else { continue };
        let row = of_train.lines().find(|line| line.starts_with(&format!("| `--{long}"))).unwrap();
        assert_eq!(row.split(" | ").nth(1), Some(&*default), "--{long}");
    }
    let known = |name: &str| {
        let has = |command: &Command| command.get_arguments().any(|option| option.get_long() == Some(name));
        cli.get_subcommands().any(has) || name == "help"
    };
    for name in text.split("`--").skip(1).map(|rest| rest.split([' ', '`', '[']).next().unwrap()) {
        assert!(known(name), "docs/options.md has --{name}, which is no option");
    }
}

#[test]
fn the_help_names_every_optimizer() {
    let cli = Cli::command();
    let option = cli.find_subcommand("train").unwrap().get_arguments().find(|option| option.get_id() == "optimizer");
    let help = option.unwrap().get_help().unwrap().to_string();
    for optimizer in OptimizerKind::ALL {
        assert!(help.contains(&format!("`{optimizer}`")), "{help}");
    }
}
