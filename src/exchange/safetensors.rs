//! Weights as a safetensors file, under the names that Keras gives to variables.

use std::collections::HashMap;
use std::path::Path;

use ::safetensors::tensor::{Dtype, SafeTensors, TensorView};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::torch::COUNTER;
use super::{ExchangeError, Weights};
use crate::model::{NamedTensor, Network};
use crate::text::one_line;

/// Key of the file's metadata under which wgrad keeps everything but the tensors. It is a single key, because the format
/// doesn't fix the order of several.
const METADATA: &str = "wgrad";

/// Longest header. It tells the shapes and names of the tensors, and as a tree it takes dozens of times as much memory.
const MOST_HEADER: u64 = 2 << 20;

#[derive(Serialize, Deserialize)]
struct Metadata {
    /// The network as a model file.
    model: Option<String>,
    class_names: Vec<String>,
}

impl Weights {
    /// The contents of a safetensors file. Equal weights give equal bytes.
    ///
    /// # Errors
    /// [`ExchangeError::Unstorable`] where a tensor's shape and elements don't agree.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ExchangeError> {
        let unstorable = |tensor: &str, reason: String| ExchangeError::Unstorable {
            tensor: tensor.into(),
            reason: one_line(&reason),
        };
        let bytes = |tensor: &NamedTensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes: Vec<Vec<u8>> = self.tensors.iter().map(bytes).collect();
        let mut views = Vec::new();
        for (tensor, bytes) in self.tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
                .map_err(|error| unstorable(&tensor.name, error.to_string()))?;
            views.push((tensor.name.as_str(), view));
        }
        let model = self.model.as_ref().map(Network::to_toml).transpose();
        let model = model.map_err(|error| unstorable("model", error.to_string()))?;
        let metadata = serde_json::to_string(&Metadata { model, class_names: self.class_names.clone() })
            .map_err(|error| unstorable("metadata", error.to_string()))?;
        let metadata = HashMap::from([(METADATA.to_owned(), metadata)]);
        let bytes = ::safetensors::serialize(views, Some(metadata))
            .map_err(|error| unstorable("weights", error.to_string()))?;
        if header_len(&bytes).is_some_and(|len| len > MOST_HEADER) {
            return Err(unstorable("header", format!("names and network take more than {MOST_HEADER} bytes")));
        }
        Ok(bytes)
    }

    /// The tensors in `bytes`, which `path` holds.
    pub(super) fn from_safetensors(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        let damaged = |reason: String| ExchangeError::NotSafetensors { path: path.into(), reason: one_line(&reason) };
        if header_len(bytes).is_some_and(|len| len > MOST_HEADER && len < bytes.len() as u64) {
            return Err(damaged(format!("its header has more than {MOST_HEADER} bytes")));
        }
        let (header_len, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
        let data = &bytes[size_of::<u64>() + header_len..];
        let mut weights = Self::default();
        if let Some(metadata) = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA)) {
            let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| damaged(error.to_string()))?;
            let model = metadata.model.map(|text| Network::from_toml(&text, None)).transpose();
            weights.model = model.map_err(|error| damaged(error.to_string()))?;
            weights.class_names = metadata.class_names;
        }
        for (name, tensor) in header.tensors() {
            // An integer that every batch normalization of PyTorch has.
            if tensor.dtype == Dtype::I64 && name.rsplit('.').next() == Some(COUNTER) {
                continue;
            }
            // The library has checked that the range is within the file, and as long as the shape says.
            let data = &data[tensor.data_offsets.0..tensor.data_offsets.1];
            let pairs = data.as_chunks().0;
            let values = match tensor.dtype {
                Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
                Dtype::F16 => pairs.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
                Dtype::BF16 => pairs.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
                other => {
                    let (path, tensor, dtype) = (path.into(), one_line(&name), format!("{other:?}"));
                    return Err(ExchangeError::WrongType { path, tensor, dtype, known: "F32, F16 and BF16" });
                }
            };
            weights.tensors.push(NamedTensor { name, shape: tensor.shape.clone(), values });
        }
        // The library gives the tensors in any order.
        weights.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(weights)
    }
}

/// The length that a file gives for its header.
pub(crate) fn header_len(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|len| u64::from_le_bytes(*len))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::Sequential;

    fn weights() -> Weights {
        let tensors = vec![
            NamedTensor { name: "dense/bias".into(), shape: vec![2], values: vec![-0.0, f32::MIN_POSITIVE] },
            NamedTensor { name: "dense/kernel".into(), shape: vec![1, 2], values: vec![1.5, f32::MAX] },
        ];
        let model = Sequential::new([4, 4, 1]).flatten().dense(2).into();
        Weights { tensors, model: Some(model), class_names: vec!["cat".into(), "dog \"<&".into()] }
    }

    fn read(bytes: &[u8]) -> Result<Weights, ExchangeError> {
        let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
        fs::write(file.path(), bytes).unwrap();
        Weights::read(file.path())
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = weights().to_bytes().unwrap();
        assert_eq!(bytes, weights().to_bytes().unwrap());
        let read = read(&bytes).unwrap();
        assert_eq!(read.tensors, weights().tensors);
        assert_eq!(read.class_names, weights().class_names);
        assert_eq!(read.model.unwrap().classes().unwrap(), 2);
    }

    #[test]
    fn half_precision_is_widened() {
        for (dtype, bytes) in [
            (Dtype::F16, [f16::from_f32(-1.5), f16::MAX].map(f16::to_le_bytes)),
            (Dtype::BF16, [bf16::from_f32(-1.5), bf16::from_f32(65_504.0)].map(bf16::to_le_bytes)),
        ] {
            let bytes = bytes.concat();
            let view = TensorView::new(dtype, vec![2], &bytes).unwrap();
            let tensors = read(&::safetensors::serialize([("x", view)], None).unwrap()).unwrap().tensors;
            assert_eq!(tensors[0].values[0], -1.5);
            assert!((tensors[0].values[1] / 65_504.0 - 1.0).abs() < 1e-2);
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let bytes = weights().to_bytes().unwrap();
        for len in 0..bytes.len() {
            let error = read(&bytes[..len]).unwrap_err();
            assert!(matches!(error, ExchangeError::NotSafetensors { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    #[test]
    fn other_types_and_other_files_are_errors() {
        let view = TensorView::new(Dtype::I16, vec![1], &[0, 0]).unwrap();
        let bytes = ::safetensors::serialize([("integer", view)], None).unwrap();
        assert!(matches!(read(&bytes), Err(ExchangeError::WrongType { .. })));
        assert!(matches!(read(b"epoch,loss,accuracy\n1,2,3\n"), Err(ExchangeError::NotSafetensors { .. })));
        assert!(matches!(Weights::read(Path::new("/no/such/file")), Err(ExchangeError::Read { .. })));
    }

    #[test]
    fn a_shape_that_does_not_fit_is_an_error() {
        let tensor = NamedTensor { name: "x".into(), shape: vec![3], values: vec![0.0] };
        assert!(matches!(
            Weights { tensors: vec![tensor], ..Weights::default() }.to_bytes(),
            Err(ExchangeError::Unstorable { .. })
        ));
    }
}
