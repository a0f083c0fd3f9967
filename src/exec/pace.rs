//! How many operations a dispatch may have, so that it does not take a GPU too long.

use std::sync::Arc;
use std::time::Duration;

use super::error::ExecError;
use super::schedules::Schedules;
use super::{Options, Program};
use crate::gpu::Gpu;
use crate::graph::{Dispatch, Graph, Mode, Plan};
use crate::model::Network;
use crate::ops::Dense;

/// Seconds that a dispatch may take. Windows resets a GPU that is busy with one for 2 seconds.
const LONGEST: f64 = 0.5;

/// How much slower than the measured matrix product other kernels may be.
const MARGIN: f64 = 4.0;

/// Operations that no GPU takes long for: half a second at 20 GFLOP/s.
const SHORT: u64 = 10_000_000_000;

/// Rows, features and units of the product that is measured.
const PRODUCT: [usize; 3] = [1024; 3];

/// Runs of it, of which the fastest counts.
const RUNS: usize = 3;

impl Options {
    /// The options with [`Options::most_flops`] such that no dispatch takes `gpu` longer than half a second. The rate of
    /// `gpu` is measured if `model` has a dispatch that is long enough for that to matter. A software adapter may take as
    /// long as it wants. `clock` gives the time since any fixed moment.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn paced(self, gpu: &Arc<Gpu>, model: &Network, clock: &dyn Fn() -> Duration) -> Result<Self, ExecError> {
        if gpu.is_software() {
            return Ok(self);
        }
        // A network that can't be planned is refused where it is put on the device.
        let Ok(schedules) = Schedules::that_fit(gpu, model, self.batch_size, &self) else { return Ok(self) };
        let dispatches = schedules.train.dispatches().iter().chain(schedules.infer.dispatches());
        if dispatches.map(|dispatch| dispatch.kernel().flops).max().is_none_or(|most| most <= SHORT) {
            return Ok(self);
        }
        drop(schedules);
        let most_flops = (self.rate(gpu, clock).await? * LONGEST / MARGIN) as u64;
        Ok(Self { most_flops, ..self })
    }

    /// Operations a second in a matrix product.
    async fn rate(&self, gpu: &Arc<Gpu>, clock: &dyn Fn() -> Duration) -> Result<f64, ExecError> {
        let [rows, features, units] = PRODUCT;
        let mut graph = Graph::new(self.target(gpu)?);
        let dense = Dense { input: [rows, features], units, bias: false, relu: false };
        let x = graph.input("x", dense.input);
        let w = graph.add_weights("w", dense.variables("dense"))?;
        let y = graph.dense("y", dense, x, w)?;
        let dispatches = graph.record_forward(Mode::Infer);
        let plan = Plan::new(&graph, dispatches, &[y])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], self.checks)?;
        let mut seconds = f64::INFINITY;
        // The first run may compile the shader.
        for run in 0..=RUNS {
            let begin = clock();
            program.run(0)?;
            gpu.finished().await;
            gpu.check()?;
            if run > 0 {
                seconds = seconds.min((clock() - begin).as_secs_f64());
            }
        }
        let flops: u64 = plan.dispatches().iter().map(|dispatch: &Dispatch| dispatch.kernel().flops).sum();
        Ok(flops as f64 / seconds.max(1e-9))
    }
}
