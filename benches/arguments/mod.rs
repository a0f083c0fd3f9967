//! Command line of the benchmarks of steps and dispatches.

use std::path::PathBuf;

use wgrad::exec::Options;
use wgrad::kernel::{MicroKernel, Precision};
use wgrad::model::zoo::ZOO;

/// `[batch size] [micro-kernel] [network]`, of which the last two may come in any order, `--precision=f16`, and
/// `--json=FILE`. Other options are ignored, because `cargo bench` adds some.
pub struct Arguments {
    pub batch_size: Option<usize>,
    pub micro_kernel: Option<MicroKernel>,
    /// What activations and their gradients are in memory.
    pub precision: Precision,
    /// Name of a network that wgrad knows or path of a model file (`*.toml`), with the size of its images behind an `@` if
    /// that is not 32; the tutorial's if left out.
    pub network: String,
    /// File for the results; one in `target/bench` if left out.
    pub json: Option<PathBuf>,
}

impl Arguments {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    /// The batch size is none, or a word is neither a micro-kernel nor a network.
    pub fn parse() -> Result<Self, String> {
        let json = std::env::args().find_map(|option| Some(option.strip_prefix("--json=")?.into()));
        let precision = std::env::args().find_map(|option| Some(option.strip_prefix("--precision=")?.parse()));
        let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
        let batch_size = words.first().map(|word| match word.parse() {
            Ok(0) | Err(_) => Err(format!("`{word}` is not a batch size; give a number above 0")),
            Ok(batch_size) => Ok(batch_size),
        });
        let (mut micro_kernel, mut network) = (None, "tutorial".to_owned());
        for word in words.iter().skip(1) {
            let is_file = word.split('@').next().is_some_and(|path| path.ends_with(".toml"));
            let is_named = ZOO.iter().any(|model| word.split([':', '@']).next() == Some(model.name));
            if is_file || is_named {
                network.clone_from(word);
            } else {
                micro_kernel = Some(word.parse()?);
            }
        }
        let (batch_size, precision) = (batch_size.transpose()?, precision.transpose()?.unwrap_or_default());
        Ok(Self { batch_size, micro_kernel, precision, network, json })
    }

    /// How a network is trained on minibatches of `batch_size` images.
    pub fn options(&self, batch_size: usize) -> Options {
        let Self { micro_kernel, precision, .. } = *self;
        Options { batch_size, micro_kernel, precision, ..Options::default() }
    }
}
