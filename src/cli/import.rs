//! `wgrad import`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wgrad::exchange::Weights;

use super::layer_table::layer_table;
use super::model_options::WeightsModel;
use super::output_file::write_file;
use super::say;

/// Options of `wgrad import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad import network.keras --out weights.safetensors\n  \
    wgrad import weights.npz --model models/tutorial.toml --out weights.safetensors\n\n\
    `wgrad eval --weights` and `wgrad train --from` take what it writes.")]
pub struct Import {
    /// A model that Keras 3 saved (.keras), a NumPy archive (.npz) or a safetensors file, both under Keras's names, such
    /// as conv2d/kernel
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
        let mut weights = Weights::import(&self.file).map_err(wgrad::Error::from)?;
        let model = self.model.complete(&mut weights)?;
        let bytes = weights.to_bytes().map_err(wgrad::Error::from)?;
        write_file(&self.out, &bytes)?;
        say(&layer_table(&model.summary().map_err(wgrad::Error::from)?));
        say(&format!("Weights: {}", self.out.display()));
        Ok(ExitCode::SUCCESS)
    }
}
