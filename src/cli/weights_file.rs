//! Reads the files of weights that options name.

use std::path::Path;

use anyhow::bail;
use wgrad::exchange::{ExchangeError, FileKind, Imported, Weights};

use super::terminal::note;

/// The weights in a safetensors file.
pub fn read(path: &Path) -> anyhow::Result<Weights> {
    let weights = Weights::read(path).map_err(with_advice)?;
    if weights.is_state_dict() {
        let path = path.display();
        bail!("{path} is a state dict of PyTorch; convert it with `wgrad import {path} --out weights.safetensors`");
    }
    Ok(weights)
}

/// The weights in a file of any format that is imported, for the network in another file of Keras if there is one. Prints a
/// note if importing had to assume something.
pub fn import(path: &Path, network: Option<&Path>) -> anyhow::Result<Weights> {
    let imported = network.map_or_else(|| Imported::read(path), |network| Imported::read_for(path, network));
    let Imported { weights, assumes_rescaling } = imported.map_err(with_advice)?;
    if assumes_rescaling {
        note(
            "the network doesn't begin with Rescaling or Normalization; wgrad assumes that it was trained on pixels \
             divided by 255, and puts Rescaling(1/255) before its first layer",
        );
    }
    Ok(weights)
}

/// An error about what the file at `path` holds, with the path before its message.
pub fn about(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let words = format!("{}: {error}", path.display());
    error.context(words)
}

/// The error, with the option or the command that helps.
pub fn with_advice(error: ExchangeError) -> anyhow::Error {
    let advice = match &error {
        ExchangeError::NotWeights { path, kind } if kind.is_imported() => {
            let path = path.display();
            format!("convert it with `wgrad import {path} --out weights.safetensors`")
        }
        ExchangeError::NotWeights { kind, .. } => kind.advice().into(),
        ExchangeError::Misfit(_) | ExchangeError::NoModel => "give its model file with --model".into(),
        _ => return error.into(),
    };
    let words = format!("{error}; {advice}");
    anyhow::Error::new(error).context(words)
}

/// A message about the file at `path`, which was given as a model file and can't be read as one; nothing where the file
/// may be a model file.
pub fn instead_of_model_file(path: &Path) -> Option<String> {
    let kind = FileKind::at(path).ok()?;
    let advice = match kind {
        FileKind::Unknown | FileKind::ModelFile | FileKind::Empty => return None,
        FileKind::Safetensors => {
            "a safetensors file of wgrad also holds its network: give it with --from or --weights, without --model"
                .to_owned()
        }
        kind if kind.is_imported() => {
            let path = path.display();
            format!(
                "convert it with `wgrad import {path} --out weights.safetensors`, and give that file with --from or \
                 --weights; it holds the network too if {path} does"
            )
        }
        _ => "give a model file such as models/tutorial.toml".into(),
    };
    Some(format!("{} is {kind}, not a model file (TOML); {advice}", path.display()))
}
