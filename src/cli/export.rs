//! `wgrad export`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use wgrad::exchange::{StateDictOptions, Weights};
use wgrad::model::Layer;
use wgrad::report::units;

use super::model_options::WeightsModel;
use super::output_file::write_file;
use super::terminal::say;
use super::weights_file;

/// Options of `wgrad export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad export --weights runs/latest/weights.safetensors --format onnx --out network.onnx\n  \
    wgrad export --weights runs/latest/weights.safetensors --format onnx --fold-normalization --out network.onnx\n  \
    wgrad export --weights runs/latest/weights.safetensors --format keras --out network.keras\n  \
    wgrad export --weights runs/latest/weights.safetensors --format keras-npz --out weights.npz")]
pub struct Export {
    /// Weights that `wgrad train` wrote, or any other file that `wgrad import` reads
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The format of the file to write
    #[arg(long, value_enum)]
    format: Format,
    /// Give the work of batch normalizations to the convolutions and dense layers before them: faster in inference, but no
    /// longer to be trained
    #[arg(long)]
    fold_normalization: bool,
    #[command(flatten)]
    model: WeightsModel,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Formats of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// Weights under Keras's names, with the network and the names of the classes
    Safetensors,
    /// The whole network, for images [N, h, w, c] of pixels from 0 to 255
    Onnx,
    /// A model of Keras 3, for keras.saving.load_model; it takes pixels from 0 to 255
    Keras,
    /// Weights under Keras's names, for numpy.load
    KerasNpz,
}

/// Folds normalizations, and says how many.
fn fold_normalization(weights: Weights) -> anyhow::Result<Weights> {
    let count = |weights: &Weights| {
        let nodes = weights.model.iter().flat_map(|model| model.nodes());
        nodes.filter(|node| matches!(node.layer, Layer::BatchNormalization(_))).count()
    };
    let before = count(&weights);
    let folded = weights.fold_normalization()?;
    let left = count(&folded);
    say(&match (before - left, left) {
        (0, 0) => "the network has no batch normalization".to_owned(),
        (folded, 0) => format!("all {folded} batch normalizations are part of the layer before them"),
        (folded, left) => format!(
            "{folded} of {before} batch normalizations are part of the layer before them; {left} stay, because they don't \
             follow a convolution or a dense layer directly"
        ),
    });
    Ok(folded)
}

impl Export {
    /// Writes the file.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut weights = weights_file::import(&self.weights, self.model.of_keras())?;
        self.model.complete_imported(&mut weights, &self.weights, &StateDictOptions::default())?;
        if self.fold_normalization {
            weights = fold_normalization(weights)?;
        }
        let bytes = match self.format {
            Format::Safetensors => weights.to_bytes(),
            Format::Onnx => weights.to_onnx(),
            Format::Keras => weights.to_keras(),
            Format::KerasNpz => weights.to_npz(),
        };
        let bytes = bytes?;
        write_file(&self.out, &bytes)?;
        say(&format!("{}: {}", self.out.display(), units::bytes(bytes.len() as u64)));
        Ok(ExitCode::SUCCESS)
    }
}
