//! What the benches of steps and dispatches are told on the command line.

use wgrad::kernel::MicroKernel;

/// `[batch size] [micro-kernel]`; options, which `cargo bench` adds of its own, count for nothing.
pub struct Arguments {
    pub batch_size: Option<usize>,
    pub micro_kernel: Option<MicroKernel>,
}

impl Arguments {
    /// Those of this process.
    pub fn parse() -> Result<Self, String> {
        let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
        let batch_size = words.first().map(|word| match word.parse() {
            Ok(0) | Err(_) => Err(format!("`{word}` is no batch size")),
            Ok(batch_size) => Ok(batch_size),
        });
        let micro_kernel = words.get(1).map(|word| word.parse());
        Ok(Self { batch_size: batch_size.transpose()?, micro_kernel: micro_kernel.transpose()? })
    }
}
