//! Parameters as a safetensors file, under Keras's variable names.

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::TrainError;
use crate::exec::NamedTensor;

/// The contents of a safetensors file that holds `tensors` as float32; equal tensors give equal bytes.
///
/// # Errors
/// [`TrainError::Unstorable`] where a tensor's shape and elements don't agree.
pub fn weights_to_bytes(tensors: &[NamedTensor]) -> Result<Vec<u8>, TrainError> {
    let unstorable =
        |tensor: &str, reason: String| TrainError::Unstorable { tensor: tensor.into(), reason: one_line(&reason) };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
            .map_err(|error| unstorable(&tensor.name, error.to_string()))?;
        views.push((tensor.name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|error| unstorable("weights", error.to_string()))
}

/// Reads all tensors of a safetensors file; float16 and bfloat16, which other programs save, become float32.
///
/// # Errors
/// [`TrainError::Read`], [`TrainError::NotSafetensors`] for a file that is something else or cut short, and
/// [`TrainError::WrongType`] for elements of any other type.
pub fn read_weights(path: &Path) -> Result<Vec<NamedTensor>, TrainError> {
    let bytes = fs::read(path).map_err(|source| TrainError::Read { path: path.into(), source })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| TrainError::NotSafetensors { path: path.into(), reason: one_line(&error.to_string()) })?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter() {
        let values = match view.dtype() {
            Dtype::F32 => view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Dtype::F16 => view.data().as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
            Dtype::BF16 => view.data().as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
            other => {
                let dtype = format!("{other:?}");
                return Err(TrainError::WrongType { path: path.into(), tensor: name.into(), dtype });
            }
        };
        tensors.push(NamedTensor { name: name.into(), shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> Vec<NamedTensor> {
        vec![
            NamedTensor { name: "dense/bias".into(), shape: vec![2], values: vec![-0.0, f32::MIN_POSITIVE] },
            NamedTensor { name: "dense/kernel".into(), shape: vec![1, 2], values: vec![1.5, f32::MAX] },
        ]
    }

    fn read(bytes: &[u8]) -> Result<Vec<NamedTensor>, TrainError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read_weights(file.path())
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = weights_to_bytes(&tensors()).unwrap();
        assert_eq!(bytes, weights_to_bytes(&tensors()).unwrap());
        let mut read = read(&bytes).unwrap();
        read.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(read, tensors());
    }

    #[test]
    fn half_precision_is_widened() {
        for (dtype, bytes) in [
            (Dtype::F16, [f16::from_f32(-1.5), f16::MAX].map(f16::to_le_bytes)),
            (Dtype::BF16, [bf16::from_f32(-1.5), bf16::from_f32(65_504.0)].map(bf16::to_le_bytes)),
        ] {
            let bytes = bytes.concat();
            let view = TensorView::new(dtype, vec![2], &bytes).unwrap();
            let tensors = read(&safetensors::serialize([("x", view)], None).unwrap()).unwrap();
            assert_eq!(tensors[0].values[0], -1.5);
            assert!((tensors[0].values[1] / 65_504.0 - 1.0).abs() < 1e-2);
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let bytes = weights_to_bytes(&tensors()).unwrap();
        for len in 0..bytes.len() {
            let error = read(&bytes[..len]).unwrap_err();
            assert!(matches!(error, TrainError::NotSafetensors { .. }), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    #[test]
    fn other_types_and_other_files_are_errors() {
        let view = TensorView::new(Dtype::I16, vec![1], &[0, 0]).unwrap();
        let bytes = safetensors::serialize([("integer", view)], None).unwrap();
        assert!(matches!(read(&bytes), Err(TrainError::WrongType { .. })));
        assert!(matches!(read(b"epoch,loss,accuracy\n1,2,3\n"), Err(TrainError::NotSafetensors { .. })));
        assert!(matches!(read_weights(Path::new("/no/such/file")), Err(TrainError::Read { .. })));
    }

    #[test]
    fn a_shape_that_does_not_fit_is_an_error() {
        let tensor = NamedTensor { name: "x".into(), shape: vec![3], values: vec![0.0] };
        assert!(matches!(weights_to_bytes(&[tensor]), Err(TrainError::Unstorable { .. })));
    }
}
