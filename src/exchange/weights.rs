//! A trained network in memory.

use std::path::Path;

use super::ExchangeError;
use crate::file;
use crate::graph::Target;
use crate::kernel::{MicroKernel, Storage};
use crate::model::{ModelError, NamedTensor, Sequential};

/// A network's parameters, with what is needed to use them where the file says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The parameters, float32.
    pub tensors: Vec<NamedTensor>,
    /// The network; files of other programs don't tell.
    pub model: Option<Sequential>,
    /// Names of the classes, in label order; none if the file does not tell.
    pub class_names: Vec<String>,
}

impl Weights {
    /// Reads a safetensors file, a NumPy archive (`.npz`), or a model that Keras saved (`.keras`); contents and
    /// extension tell which. The network comes from safetensors files of wgrad, and from Keras's.
    ///
    /// # Errors
    /// [`ExchangeError`]; no file makes it take more than a small multiple of its size.
    pub fn import(path: &Path) -> Result<Self, ExchangeError> {
        let bytes = file::read(path, u64::MAX).map_err(|source| ExchangeError::Read { path: path.into(), source })?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if bytes.starts_with(b"PK") {
            if extension == "keras" { Self::from_keras(path, &bytes) } else { Self::from_npz(path, &bytes) }
        } else if bytes.get(8) == Some(&b'{') {
            Self::from_safetensors(path, &bytes)
        } else {
            match extension {
                "safetensors" => Self::from_safetensors(path, &bytes),
                "npz" => Self::from_npz(path, &bytes),
                "keras" => Self::from_keras(path, &bytes),
                _ => Err(ExchangeError::UnknownFormat { path: path.into() }),
            }
        }
    }

    /// Makes sure that these are all parameters of `model`, in its shapes, and no others.
    ///
    /// # Errors
    /// [`ExchangeError::Misfit`], or that the network can't be built.
    pub fn check_fit(&self, model: &Sequential) -> Result<(), ExchangeError> {
        self.misfit(model)?.map_or(Ok(()), |misfit| Err(ExchangeError::Misfit(misfit)))
    }

    /// The names of the classes of `model`, which the weights are for; none if the file has no names.
    ///
    /// # Errors
    /// [`ExchangeError::ClassNames`] where there are more or fewer names than classes, and what [`Sequential::classes`]
    /// fails with.
    pub fn class_names_of(&self, model: &Sequential) -> Result<&[String], ExchangeError> {
        let (names, classes) = (self.class_names.len(), model.classes()?);
        if names != 0 && names != classes {
            return Err(ExchangeError::ClassNames { names, classes });
        }
        Ok(&self.class_names)
    }

    /// In what the tensors differ from the parameters of `model`.
    pub(super) fn misfit(&self, model: &Sequential) -> Result<Option<String>, ModelError> {
        // The target has no part in parameters.
        let target = Target { micro_kernel: MicroKernel::Direct, storage: Storage::Buffers, busy_workgroups: 1 };
        let graph = model.build(1, target)?.graph;
        let mut wanted = 0;
        for parameter in graph.parameters() {
            let kernel = ("kernel", parameter.kernel_shape.clone());
            for (variable, shape) in [kernel, ("bias", vec![parameter.columns()])] {
                let name = format!("{}/{variable}", parameter.layer);
                let Some(tensor) = self.tensors.iter().find(|tensor| tensor.name == name) else {
                    return Ok(Some(format!("it wants `{name}` as {shape:?}, which is missing")));
                };
                if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
                    return Ok(Some(format!("it wants `{name}` as {shape:?}, but that is {:?}", tensor.shape)));
                }
                wanted += 1;
            }
        }
        let others = self.tensors.len() - wanted;
        Ok((others > 0).then(|| format!("{others} tensors belong to none of its layers")))
    }
}
