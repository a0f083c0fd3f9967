//! Resuming a run that was stopped.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::Value;
use wgrad::data::{ClassMap, DataError, Dataset};
use wgrad::gpu::Gpu;
use wgrad::train::{AdapterConfig, Checkpoint, Checkpoints, Difference, RunRecord, RunSpec, TrainError};

use super::terminal::note;

/// A run that is resumed.
#[derive(Debug)]
pub struct Resumed {
    /// Its directory.
    pub directory: PathBuf,
    /// Its newest checkpoint.
    pub checkpoint: Checkpoint,
}

impl Resumed {
    /// Reads the newest whole checkpoint in `directory`, and says which ones are damaged.
    pub fn open(directory: &Path) -> anyhow::Result<Self> {
        let (checkpoint, damaged) = Checkpoints::newest(directory)?;
        for error in &damaged {
            if let TrainError::Checkpoint { path, reason } = error {
                let path = path.display();
                note(&format!("warning: checkpoint {path} can't be used: {reason}; the one before it is taken"));
            }
        }
        match checkpoint {
            Some(checkpoint) => Ok(Self { directory: directory.into(), checkpoint }),
            None => Err(TrainError::NoCheckpoint { path: directory.into() }.into()),
        }
    }

    /// What the run was begun with.
    pub fn record(&self) -> &RunRecord {
        &self.checkpoint.run
    }

    /// Makes sure that the run can be resumed as `spec`.
    pub fn check(&self, spec: &RunSpec) -> anyhow::Result<()> {
        let place = self.directory.display();
        if let Some(found) = self.record().spec.conflicts(spec)?.first() {
            let (given, begun) = words(found);
            bail!("{given}: the run in {place} was begun {begun}; leave it out, or begin another run with --out");
        }
        let trained = self.checkpoint.position.history.len();
        if spec.epochs < trained {
            bail!("--epochs is {}, but the run in {place} has {trained}; give more", spec.epochs);
        }
        Ok(())
    }

    /// Makes sure that the data are those that the run was begun with.
    pub fn check_data(&self, dataset: &Dataset) -> anyhow::Result<()> {
        if dataset.checksum.get() == self.record().data_checksum {
            return Ok(());
        }
        bail!(
            "{} is not the data that the run was begun with; give that data with --dataset and --data-dir",
            dataset.origin
        )
    }

    /// Returns the data set with the classes that the network had when the run was begun.
    pub fn with_its_classes(&self, dataset: Dataset) -> anyhow::Result<Dataset> {
        let map = ClassMap::by_name(&self.record().class_names, &dataset.class_names).map_err(|error| {
            let words = format!("{error}; give the classes the names that they had when the run was begun");
            anyhow::Error::new(DataError::from(error)).context(words)
        })?;
        Ok(dataset.with_classes(&map))
    }

    /// Warns if the bits may not be those of a run that was never stopped.
    pub fn compare(&self, gpu: &Gpu) {
        let RunRecord { adapter: before, wgrad, .. } = self.record();
        let now = AdapterConfig::new(gpu.info());
        for (what, before, now) in [
            ("adapter", format!("{}, {}", before.name, before.backend), format!("{}, {}", now.name, now.backend)),
            (
                "driver",
                format!("{} {}", before.driver, before.driver_info),
                format!("{} {}", now.driver, now.driver_info),
            ),
            ("wgrad", wgrad.clone(), env!("CARGO_PKG_VERSION").into()),
        ] {
            if before != now {
                let remedy = match (vector_width(&before), vector_width(&now)) {
                    (Some(bits), Some(other)) if bits != other => {
                        format!(
                            "; LP_NATIVE_VECTOR_WIDTH={bits} in the environment gives the driver the width of the run"
                        )
                    }
                    _ => String::new(),
                };
                note(&format!(
                    "warning: the run was begun with {what} {before}, and is resumed with {now}, so its bits may differ{remedy}"
                ));
            }
        }
    }
}

/// The bits in `llvmpipe (LLVM 15.0.6, 256 bits), vulkan`: how many the driver computes at once.
fn vector_width(adapter: &str) -> Option<&str> {
    adapter.strip_prefix("llvmpipe ")?.split_once(" bits)")?.0.rsplit_once(' ').map(|(_, bits)| bits)
}

/// A difference as options: `--seed 1` and `with 0`.
pub fn words(Difference { field, before, after }: &Difference) -> (String, String) {
    let name = option(field);
    let given = match text(after) {
        Some(value) if value.is_empty() => name.clone(),
        Some(value) => format!("{name} {value}"),
        None => format!("no {name}"),
    };
    let begun = match text(before) {
        Some(value) if value.is_empty() => format!("with {name}"),
        Some(value) => format!("with {value}"),
        None => format!("without {name}"),
    };
    (given, begun)
}

/// The option that sets a field of a [`RunSpec`].
pub fn option(field: &str) -> String {
    format!("--{}", field.replace('_', "-"))
}

/// The value of an option; none where it was not given, and no text where it takes none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(String::new()),
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Array(values) => {
            (!values.is_empty()).then(|| values.iter().filter_map(text).collect::<Vec<_>>().join(","))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_of_an_adapter_says_its_width() {
        assert_eq!(vector_width("llvmpipe (LLVM 15.0.6, 512 bits), vulkan"), Some("512"));
        assert_eq!(vector_width("llvmpipe (LLVM 15.0.6), vulkan"), None);
        assert_eq!(vector_width("GeForce (256 bits), vulkan"), None);
    }

    #[test]
    fn differences_are_told_as_options() {
        let words = |field: &str, before: Value, after: Value| {
            let (given, begun) = words(&Difference { field: field.into(), before, after });
            format!("{given}: {begun}")
        };
        assert_eq!(words("batch_size", json!(16), json!(64)), "--batch-size 64: with 16");
        assert_eq!(words("freeze", json!([]), json!(["a", "b"])), "--freeze a,b: without --freeze");
        assert_eq!(words("augment", json!("flip"), json!("crop:2")), "--augment crop:2: with flip");
        assert_eq!(words("tune", json!(false), json!(true)), "--tune: without --tune");
        assert_eq!(words("limit", json!(100), json!(null)), "no --limit: with 100");
    }
}
