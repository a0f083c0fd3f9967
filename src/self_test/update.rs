//! The update of an optimizer by itself, for the cases that need no network.

use std::sync::Arc;

use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, Plan, TensorId};
use crate::minibatch::{Minibatch, Step};
use crate::optim::Optimizer;

/// A minibatch that has nothing but its step.
pub(super) fn empty() -> Minibatch {
    Minibatch::new(1, [0; 3])
}

/// The minibatch of step `t`, counted from 1, with its words as the bits of floats.
pub(super) fn minibatch(optimizer: &Optimizer, t: u64, rate: f64) -> Result<Vec<f32>, ExecError> {
    let step = optimizer.at(t - 1, rate, Step::over(1));
    Ok(bytemuck::cast_vec(empty().encode(&step, &[0], &[], 1)?))
}

/// The optimizer of a graph's variables, ready to run.
pub(super) struct Update {
    optimizer: Optimizer,
    minibatch: TensorId,
    pub plan: Plan,
    pub program: Program,
}

impl Update {
    pub fn new(
        gpu: &Arc<Gpu>,
        graph: &mut Graph,
        optimizer: &Optimizer,
        checks: RuntimeChecks,
    ) -> Result<Self, ExecError> {
        let minibatch = graph.minibatch(empty());
        let (dispatches, table) = optimizer.record(graph, minibatch)?;
        let plan = Plan::new(graph, dispatches, &[])?;
        let program = Program::new(gpu.clone(), graph, &[&plan], checks)?;
        program.fill_slots(f32::NAN);
        for (tensor, values) in table.inputs() {
            program.write(graph, &plan, tensor, values)?;
        }
        Ok(Self { optimizer: optimizer.clone(), minibatch, plan, program })
    }

    /// Runs step `t`, counted from 1.
    pub fn run(&self, graph: &Graph, t: u64, rate: f64) -> Result<(), ExecError> {
        self.program.write(graph, &self.plan, self.minibatch, &minibatch(&self.optimizer, t, rate)?)?;
        self.program.run(0)?;
        Ok(())
    }
}
