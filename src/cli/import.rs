//! `wgrad import`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wgrad::data::ImageSize;
use wgrad::exchange::StateDictOptions;
use wgrad::model::zoo::torch::normalization;

use super::layer_table::layer_table;
use super::model_options::WeightsModel;
use super::output_file::write_file;
use super::terminal::say;
use super::weights_file;

/// Options of `wgrad import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad import network.keras --out weights.safetensors\n  \
    wgrad import weights.npz --model models/tutorial.toml --out weights.safetensors\n  \
    wgrad import best.weights.h5 --model network.keras --out weights.safetensors\n  \
    wgrad import resnet50.safetensors --image-size 96 --out weights.safetensors\n\n\
    Give the file that it writes to `wgrad eval --weights`, `wgrad predict --weights` or `wgrad train --from`.\n\n\
    A network of Keras that does not begin with Rescaling or Normalization gets a first layer Rescaling(1/255), because \
    most are trained on pixels from 0 to 1. A state dict of PyTorch gets the normalization of ImageNet.")]
pub struct Import {
    /// A file that Keras 2 or 3 saved (.keras, .h5), a NumPy archive (.npz) or safetensors file with names as in Keras,
    /// such as conv2d/kernel, or the state dict of a network of torchvision or timm (.safetensors)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    model: WeightsModel,
    /// Height and width of the images of a network of torchvision or timm; 224 if left out
    #[arg(long, value_name = "N|HxW")]
    image_size: Option<ImageSize>,
    /// Mean of the pixels, as numbers from 0 to 1, that a network of torchvision or timm was trained with; ImageNet's if
    /// left out
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', requires = "std", allow_negative_numbers = true)]
    mean: Vec<f64>,
    /// Deviation of the pixels, as numbers from 0 to 1, that a network of torchvision or timm was trained with
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', requires = "mean", allow_negative_numbers = true)]
    std: Vec<f64>,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    /// Writes the file.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut weights = weights_file::import(&self.file, self.model.of_keras())?;
        let pixels = (!self.mean.is_empty()).then(|| normalization(&self.mean, &self.std));
        let options = StateDictOptions { image_size: self.image_size.map(|ImageSize(size)| size), pixels };
        let model = self.model.complete_imported(&mut weights, &self.file, &options)?;
        let bytes = weights.to_bytes()?;
        write_file(&self.out, &bytes)?;
        say(&layer_table(&model)?);
        say(&format!("Weights: {}", self.out.display()));
        Ok(ExitCode::SUCCESS)
    }
}
