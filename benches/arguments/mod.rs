//! Command line of the benchmarks of steps and dispatches.

use wgrad::kernel::MicroKernel;

/// `[batch size] [micro-kernel]`. Options are ignored, because `cargo bench` adds some.
pub struct Arguments {
    pub batch_size: Option<usize>,
    pub micro_kernel: Option<MicroKernel>,
}

impl Arguments {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    /// The batch size or the micro-kernel does not exist.
    pub fn parse() -> Result<Self, String> {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
        let batch_size = words.first().map(|word| match word.parse() {
            Ok(0) | Err(_) => Err(format!("`{word}` is not a batch size; give a number above 0")),
            Ok(batch_size) => Ok(batch_size),
        });
        let micro_kernel = words.get(1).map(|word| word.parse());
        Ok(Self { batch_size: batch_size.transpose()?, micro_kernel: micro_kernel.transpose()? })
    }
}
