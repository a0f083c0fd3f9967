//! Files of weights that options name.

use std::path::Path;

use wgrad::exchange::{ExchangeError, FileKind, Imported, Weights};

use super::note;

/// The weights in a safetensors file.
pub fn read(path: &Path) -> anyhow::Result<Weights> {
    Weights::read(path).map_err(with_advice)
}

/// The weights in a file of any format that is imported. Says what was changed.
pub fn import(path: &Path) -> anyhow::Result<Weights> {
    let Imported { weights, rescaling } = Imported::read(path).map_err(with_advice)?;
    if let Some(layer) = rescaling {
        note(&format!(
            "layer `{layer}`, Rescaling(1/255), is left out: wgrad divides pixels by 255 before the first layer itself"
        ));
    }
    Ok(weights)
}

/// The error with what to do about it on the command line.
pub fn with_advice(error: ExchangeError) -> anyhow::Error {
    let advice = match &error {
        ExchangeError::NotWeights { path, kind } if kind.is_imported() => {
            let path = path.display();
            format!("make one of it with `wgrad import {path} --out weights.safetensors`")
        }
        ExchangeError::NotWeights { kind, .. } => kind.advice().into(),
        ExchangeError::Misfit(_) | ExchangeError::NoModel => "give its model file with --model".into(),
        _ => return wgrad::Error::from(error).into(),
    };
    let words = format!("{error}; {advice}");
    anyhow::Error::new(wgrad::Error::from(error)).context(words)
}

/// Advice about the file at `path`, which was given as a model file and can't be read as one.
pub fn instead_of_model_file(path: &Path) -> Option<String> {
    let kind = FileKind::at(path).ok()?;
    let advice = match kind {
        FileKind::Unknown | FileKind::ModelFile | FileKind::Empty => return None,
        FileKind::Safetensors => {
            "if wgrad wrote it, it says the network itself: give it with --from or --weights, and leave out --model"
                .to_owned()
        }
        kind if kind.is_imported() => {
            let path = path.display();
            format!(
                "make weights of it with `wgrad import {path} --out weights.safetensors`; \
                 if it holds the network, they say it and need no model file"
            )
        }
        _ => "give a model file such as models/tutorial.toml".into(),
    };
    Some(format!("{} is {kind}, not a model file (TOML); {advice}", path.display()))
}
