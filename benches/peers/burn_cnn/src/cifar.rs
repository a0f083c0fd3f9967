//! CIFAR-10's binary files: records of a label and three planes of 32 x 32 bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use burn::prelude::*;

const PIXELS: usize = 3 * 32 * 32;

/// Images in 0..1, in host memory: as one tensor they outgrow what a driver may bind.
pub struct Images {
    pixels: Vec<f32>,
    labels: Vec<i32>,
}

impl Images {
    pub fn read(folder: &Path, files: impl IntoIterator<Item = String>, limit: Option<usize>) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        for file in files {
            let path = folder.join(file);
            bytes.extend(fs::read(&path).with_context(|| path.display().to_string())?);
        }
        ensure!(bytes.len() % (1 + PIXELS) == 0, "{}: not whole records", folder.display());
        let records = || bytes.chunks_exact(1 + PIXELS).take(limit.unwrap_or(usize::MAX));
        let pixels = records().flat_map(|record| &record[1..]).map(|&byte| f32::from(byte) / 255.0).collect();
        Ok(Self { pixels, labels: records().map(|record| record[0].into()).collect() })
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn batch(&self, indices: &[usize], device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let n = indices.len();
        let mut pixels = Vec::with_capacity(n * PIXELS);
        for &index in indices {
            pixels.extend_from_slice(&self.pixels[index * PIXELS..][..PIXELS]);
        }
        let labels: Vec<i32> = indices.iter().map(|&index| self.labels[index]).collect();
        (
            Tensor::from_data(TensorData::new(pixels, [n, 3, 32, 32]), device),
            Tensor::from_data(TensorData::new(labels, [n]), device),
        )
    }
}
