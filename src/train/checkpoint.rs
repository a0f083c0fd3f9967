//! A file that holds all that a training needs to continue as if it had never been stopped.

use std::borrow::Cow;
use std::collections::HashMap;

use ::safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Position, RunRecord};
use crate::exchange::header_len;
use crate::exec::TrainingState;
use crate::model::NamedTensor;

/// The only key of the file's metadata: with several, the format would leave their order open.
const METADATA: &str = "wgrad";

/// Version of the format. It changes if older programs can't read the file.
const VERSION: u32 = 3;

/// The version before it: it has Adam's moments under names of their own, and is read too.
const ADAM_VERSION: u32 = 2;

/// Name and bytes of the checksum. The format stores the type with the smallest alignment last, so the checksum is at
/// the end of the file.
const CHECKSUM: &str = "sha256";
const CHECKSUM_LEN: usize = 32;

/// Most bytes of the header, which holds the history too. The parsed header takes many times as much memory.
const MOST_HEADER: u64 = 16 << 20;

/// Prefixes of the names of tensors.
const PARAMETER: &str = "parameter/";
const OPTIMIZER: &str = "optimizer/";
const KEPT: &str = "kept/";

/// Names in [`ADAM_VERSION`] that have the prefix [`OPTIMIZER`] now.
const MOMENTS: [&str; 2] = ["first_moment/", "second_moment/"];

/// The state of a training between two steps.
///
/// The file is in the format safetensors. Names of tensors start with `parameter/`, `optimizer/` and the name of a slot of
/// its state, or `kept/`, and continue with Keras's names: `optimizer/velocity/conv2d/kernel`. The metadata hold the rest as JSON. The last 32 bytes are the SHA-256 of
/// everything before them.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What the run was begun with.
    pub run: RunRecord,
    /// How far the training has come.
    pub position: Position,
    /// The parameters and the optimizer's state.
    pub state: TrainingState,
    /// What the observers keep: see [`Observer::kept`](super::Observer::kept).
    pub kept: Vec<NamedTensor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata<'a> {
    version: u32,
    updates: u64,
    position: Cow<'a, Position>,
    run: Cow<'a, RunRecord>,
}

/// The part of the metadata that every version has.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
    /// In version 1: the options of the run, as words of a command line.
    #[serde(default)]
    settings: Option<OldSettings>,
}

#[derive(Deserialize)]
struct OldSettings {
    #[serde(default)]
    wgrad: String,
}

/// The version of the metadata, if it can be read.
fn check_version(text: &str) -> Result<u32, String> {
    let AnyVersion { version, settings } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version == VERSION || version == ADAM_VERSION {
        return Ok(version);
    }
    let maker = settings.map(|settings| settings.wgrad).filter(|maker| !maker.is_empty());
    let maker = maker.map_or("another wgrad".into(), |maker| format!("wgrad {maker}"));
    Err(format!(
        "its format has version {version}, but this wgrad reads version {VERSION}; finish the run with {maker}"
    ))
}

struct Data<'a> {
    dtype: Dtype,
    shape: Cow<'a, [usize]>,
    bytes: Cow<'a, [u8]>,
}

impl View for Data<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Checkpoint {
    /// The contents of the file. Equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// The reason, if the shape of a tensor does not match its elements.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let Self { run, position, state, kept } = self;
        let mut tensors = Vec::new();
        for (start, group) in [(PARAMETER, &state.parameters), (OPTIMIZER, &state.optimizer), (KEPT, kept)] {
            for NamedTensor { name, shape, values } in group {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let data = Data { dtype: Dtype::F32, shape: Cow::Borrowed(shape), bytes: Cow::Owned(bytes) };
                tensors.push((format!("{start}{name}"), data));
            }
        }
        let zeros = Data { dtype: Dtype::U8, shape: vec![CHECKSUM_LEN].into(), bytes: vec![0; CHECKSUM_LEN].into() };
        tensors.push((CHECKSUM.into(), zeros));
        let metadata = Metadata {
            version: VERSION,
            updates: state.updates,
            position: Cow::Borrowed(position),
            run: Cow::Borrowed(run),
        };
        let metadata = serde_json::to_string(&metadata).map_err(|error| error.to_string())?;
        let metadata = HashMap::from([(METADATA.to_owned(), metadata)]);
        let mut bytes = ::safetensors::serialize(tensors, Some(metadata)).map_err(|error| error.to_string())?;
        if header_len(&bytes).is_some_and(|len| len > MOST_HEADER) {
            return Err(format!("history and settings take more than {MOST_HEADER} bytes"));
        }
        let end = bytes.len().saturating_sub(CHECKSUM_LEN);
        let checksum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum);
        Ok(bytes)
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// The reason, if the contents are cut short or changed, or are not a checkpoint.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes.len().saturating_sub(CHECKSUM_LEN);
        if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
            return Err("it is cut short or changed: its checksum does not fit".into());
        }
        if header_len(bytes).is_some_and(|len| len > MOST_HEADER) {
            return Err(format!("its header has more than {MOST_HEADER} bytes"));
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA));
        let text = text.ok_or("it has no metadata of wgrad")?;
        let version = check_version(text)?;
        let Metadata { updates, position, run, .. } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let (position, run) = (position.into_owned(), run.into_owned());
        position.check()?;
        let state = TrainingState { updates, ..TrainingState::default() };
        let mut checkpoint = Self { run, position, state, kept: Vec::new() };
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        for (name, view) in file.iter() {
            let renamed = (version == ADAM_VERSION && MOMENTS.iter().any(|moment| name.starts_with(moment)))
                .then(|| format!("{OPTIMIZER}{name}"));
            let name = renamed.as_deref().unwrap_or(name);
            let state = &mut checkpoint.state;
            let groups =
                [(PARAMETER, &mut state.parameters), (OPTIMIZER, &mut state.optimizer), (KEPT, &mut checkpoint.kept)];
            let mut found = groups.into_iter().filter_map(|(start, group)| Some((name.strip_prefix(start)?, group)));
            match found.next() {
                Some((name, group)) if view.dtype() == Dtype::F32 => {
                    let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                    group.push(NamedTensor { name: name.into(), shape: view.shape().to_vec(), values });
                }
                _ if name == CHECKSUM => {}
                _ => return Err(format!("it has a tensor `{name}`, which no checkpoint has")),
            }
        }
        // The library gives them in any order.
        let Self { state: TrainingState { parameters, optimizer, .. }, kept, .. } = &mut checkpoint;
        for group in [parameters, optimizer, kept] {
            group.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::StepMetrics;
    use crate::train::{HistoryRow, Measured, RunSpec};

    fn tensors(first: f32) -> Vec<NamedTensor> {
        vec![
            NamedTensor { name: "dense/bias".into(), shape: vec![2], values: vec![first, f32::MIN_POSITIVE] },
            NamedTensor { name: "dense/kernel".into(), shape: vec![1, 2], values: vec![-0.0, f32::NAN] },
        ]
    }

    fn of_slot(slot: &str, first: f32) -> Vec<NamedTensor> {
        let named = |tensor: NamedTensor| NamedTensor { name: format!("{slot}/{}", tensor.name), ..tensor };
        tensors(first).into_iter().map(named).collect()
    }

    fn checkpoint() -> Checkpoint {
        let mut measured = Measured::default();
        measured.add(&[StepMetrics { length: 3, correct: 1, top5_correct: 2, loss: 1.0 / 7.0 }]).unwrap();
        let row = HistoryRow { epoch: 1, loss: 0.1 + 0.2, val_loss: 1.0 / 3.0, seconds: 1e-7, ..HistoryRow::default() };
        Checkpoint {
            run: RunRecord {
                spec: RunSpec { learning_rate: Some(0.1 + 0.2), ..RunSpec::default() },
                network: "input = [1, 1, 1]".into(),
                ..RunRecord::default()
            },
            position: Position { step: 1, measured, seconds: std::f64::consts::PI, ..Position::after(vec![row]) },
            state: TrainingState {
                updates: u64::MAX - 1,
                parameters: tensors(1.0),
                optimizer: of_slot("first_moment", 2.0).into_iter().chain(of_slot("second_moment", 3.0)).collect(),
            },
            kept: tensors(4.0),
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let bytes = checkpoint().to_bytes().unwrap();
        assert_eq!(bytes, checkpoint().to_bytes().unwrap());
        let read = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert_eq!(read.position, checkpoint().position);
        assert_eq!(read.run, checkpoint().run);
        assert_eq!(read.state.updates, u64::MAX - 1);
        assert_eq!(read.kept[0], checkpoint().kept[0]);
    }

    /// A file of the version before, which differs in the names of Adam's moments.
    #[test]
    fn the_version_before_is_read() {
        let bytes = checkpoint().to_bytes().unwrap();
        let len = header_len(&bytes).unwrap() as usize;
        let header = std::str::from_utf8(&bytes[8..8 + len]).unwrap();
        let old = header.replace("optimizer/", "").replace(r#"\"version\":3"#, r#"\"version\":2"#);
        assert!(old.contains("\"first_moment/dense/bias\""), "{old}");
        let old = format!("{old:<len$}");
        let mut old = [&bytes[..8], old.as_bytes(), &bytes[8 + len..]].concat();
        let end = old.len() - CHECKSUM_LEN;
        let checksum = Sha256::digest(&old[..end]);
        old[end..].copy_from_slice(&checksum);
        assert_eq!(Checkpoint::from_bytes(&old).unwrap().to_bytes().unwrap(), bytes);
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_an_error() {
        let bytes = checkpoint().to_bytes().unwrap();
        for len in 0..bytes.len() {
            Checkpoint::from_bytes(&bytes[..len]).unwrap_err();
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            Checkpoint::from_bytes(&changed).unwrap_err();
        }
    }

    #[test]
    fn other_files_with_a_checksum_are_errors() {
        let mut checksummed = b"{}".to_vec();
        checksummed.extend(Sha256::digest(b"{}"));
        Checkpoint::from_bytes(&checksummed).unwrap_err();
    }
}
