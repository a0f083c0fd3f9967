//! Options of how operations run.

use clap::Args;
use wgrad::graph::Winograd;
use wgrad::kernel::Precision;
use wgrad::model::BuildOptions;
use wgrad::train::RunSpec;

use super::options::update;

/// How operations run.
#[derive(Debug, Args)]
pub struct OperationOptions {
    /// What activations and their gradients are in memory: `f32` or `f16`, which takes half of the memory [default: f32]
    #[arg(long, value_name = "FORMAT")]
    precision: Option<Precision>,
    /// Run each operation by itself, for comparison: the results are the same within rounding
    #[arg(long)]
    no_fusion: bool,
    /// Leave out Winograd's algorithm, which makes convolutions faster but rounds more
    #[arg(long)]
    exact: bool,
}

impl OperationOptions {
    /// Changes in `spec` what the options say.
    pub fn update(&self, spec: &mut RunSpec) {
        spec.no_fusion |= self.no_fusion;
        spec.exact |= self.exact;
        update(&mut spec.precision, self.precision);
    }

    /// What activations are in memory.
    pub fn precision(&self) -> Precision {
        self.precision.unwrap_or_default()
    }

    /// How a network is built.
    pub fn build(&self) -> BuildOptions {
        let winograd = Winograd::unless_exact(self.exact);
        BuildOptions { fusion: !self.no_fusion, winograd, ..BuildOptions::default() }
    }
}
