//! `wgrad import`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::layer_table::layer_table;
use super::model_options::WeightsModel;
use super::output_file::write_file;
use super::terminal::say;
use super::weights_file;

/// Options of `wgrad import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad import network.keras --out weights.safetensors\n  \
    wgrad import weights.npz --model models/tutorial.toml --out weights.safetensors\n\n\
    Give the file that it writes to `wgrad eval --weights`, `wgrad predict --weights` or `wgrad train --from`.\n\n\
    A network of Keras that does not begin with Rescaling or Normalization gets a first layer Rescaling(1/255), because \
    most are trained on pixels from 0 to 1.")]
pub struct Import {
    /// A file that Keras 2 or 3 saved (.keras, .h5), or a NumPy archive (.npz) or safetensors file with names as in
    /// Keras, such as conv2d/kernel
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    model: WeightsModel,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Import {
    /// Writes the file.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut weights = weights_file::import(&self.file)?;
        let model = self.model.complete(&mut weights)?;
        let bytes = weights.to_bytes()?;
        write_file(&self.out, &bytes)?;
        say(&layer_table(&model)?);
        say(&format!("Weights: {}", self.out.display()));
        Ok(ExitCode::SUCCESS)
    }
}
