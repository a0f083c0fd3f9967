//! `wgrad cache`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use wgrad::cache::{self, CacheEntry};
use wgrad::report::units;

use super::output_file::NotWritten;
use super::terminal::printable;

/// Options of `wgrad cache`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad cache\n  \
    wgrad cache clear cifar10")]
pub struct Cache {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Delete what is kept under these names; what is needed again is fetched or measured again
    Clear {
        /// Names in the list, or `all`
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

#[derive(Serialize)]
struct List {
    directory: PathBuf,
    entries: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    bytes: u64,
}

impl Cache {
    /// Lists what wgrad keeps, or deletes some of it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Some(directory) = cache::directory() else {
            bail!("this system names no cache directory, so wgrad keeps nothing; set HOME to have one");
        };
        let entries = cache::entries(&directory).with_context(|| format!("{} can't be read", directory.display()))?;
        let mut out = io::stdout();
        if let Some(Action::Clear { names }) = &self.action {
            for entry in chosen(&entries, names)? {
                entry.remove().map_err(|source| NotWritten { verb: "delete", path: entry.path.clone(), source })?;
                writeln!(out, "deleted {} ({})", printable(&entry.name), units::bytes(entry.bytes))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.json {
            let entries = entries.into_iter().map(|entry| Line { name: entry.name, bytes: entry.bytes }).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&List { directory, entries })?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if entries.is_empty() {
            writeln!(out, "wgrad keeps nothing in {}", directory.display())?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "wgrad keeps in {}", directory.display())?;
        let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
        for entry in &entries {
            writeln!(out, "  {:width$}  {:>10}", printable(&entry.name), units::bytes(entry.bytes))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The entries that `names` names; all are found before the first is deleted.
fn chosen<'a>(entries: &'a [CacheEntry], names: &[String]) -> anyhow::Result<Vec<&'a CacheEntry>> {
    if let Some(missing) = names.iter().find(|name| *name != "all" && !entries.iter().any(|entry| entry.name == **name))
    {
        let known: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        bail!("nothing is kept as `{missing}`; wgrad keeps {known}");
    }
    let is_named = |entry: &&CacheEntry| names.iter().any(|name| name == "all" || *name == entry.name);
    Ok(entries.iter().filter(is_named).collect())
}
