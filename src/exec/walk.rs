//! The rule's training step, stopped at each product: what goes in and what comes out.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ExecError;
use super::program::Program;
use super::variant::{Group, Variant};
use crate::gpu::{Gpu, Pipelines};
use crate::graph::{Arena, Graph, Plan, TensorId};

/// The values of tensors by name. A result in parts is added up.
pub(super) type Values = HashMap<String, Vec<f32>>;

/// The rule's training step, run from product to product.
pub(super) struct Walk<'v> {
    variant: &'v Variant,
    pub program: Program,
    done: usize,
}

/// A product as the rule computes it: what goes in, what comes out, and the size of its sums.
pub(super) struct Reference {
    pub inputs: Values,
    pub results: Values,
    scale: f64,
}

impl<'v> Walk<'v> {
    pub fn new(gpu: &Arc<Gpu>, variant: &'v Variant, pipelines: &mut Pipelines) -> Result<Self, ExecError> {
        let Variant { graph, plan, minibatch, words } = variant;
        let program = Program::allocate(gpu.clone(), graph, &[plan], pipelines)?;
        program.write_arena(graph, Arena::Weights, &graph.initial_values(0))?;
        program.write(graph, plan, *minibatch, bytemuck::cast_slice(words))?;
        Ok(Self { variant, program, done: 0 })
    }

    /// Runs the dispatches up to the one at `place`.
    pub fn advance(&mut self, place: usize) -> Result<(), ExecError> {
        let mut encoder = self.program.gpu.encoder();
        for step in self.done..place {
            self.program.encode_step(0, step, 1, &mut encoder)?;
        }
        self.program.gpu.submit(encoder);
        self.done = place;
        Ok(self.program.gpu.check()?)
    }

    /// Runs up to the end of a product, and reads its inputs before and its results behind it.
    pub async fn run(&mut self, group: &Group) -> Result<Reference, ExecError> {
        self.advance(group.range.start)?;
        let variant = self.variant;
        let Variant { graph, plan, .. } = variant;
        let dispatches = &plan.dispatches()[group.range.clone()];
        let (mut inputs, mut results) = (Values::new(), Values::new());
        // The operands of the product, wherever in the group they are read first.
        let mut operands: Vec<&str> = Vec::new();
        for binding in variant.inputs(dispatches) {
            let name = variant.name(binding.tensor);
            if binding.index < 2 && !operands.contains(&name) {
                operands.push(name);
            }
            let values = self.program.read_bound(graph, plan, &binding).await?;
            inputs.insert(name.to_owned(), values);
        }
        self.advance(group.range.end)?;
        for (tensor, parts) in variant.results(dispatches) {
            let values = read_sum(&self.program, graph, plan, tensor, parts).await?;
            results.insert(variant.name(tensor).to_owned(), values);
        }
        let operand = |place: usize| operands.get(place).and_then(|name| inputs.get(*name));
        let scale = scale([operand(0), operand(1)], group.product.sizes[2]);
        Ok(Reference { inputs, results, scale })
    }
}

impl Reference {
    /// The rule's result of this name. Parts have a name of their own.
    pub fn result(&self, name: &str) -> Option<&Vec<f32>> {
        self.results.get(name).or_else(|| {
            let other = name.strip_suffix(" parts").map_or(format!("{name} parts"), str::to_owned);
            self.results.get(&other)
        })
    }

    /// The largest element of a result, or the size of the product's sums if that is more.
    pub fn scale_of(&self, result: &[f32]) -> f64 {
        result.iter().fold(self.scale.max(1e-30), |scale, element| scale.max(f64::from(element.abs())))
    }
}

/// A tensor's values; its parts are added up.
pub(super) async fn read_sum(
    program: &Program,
    graph: &Graph,
    plan: &Plan,
    tensor: TensorId,
    parts: usize,
) -> Result<Vec<f32>, ExecError> {
    let values = program.read(graph, plan, tensor).await?;
    if parts == 1 {
        return Ok(values);
    }
    let mut sum = vec![0.0; values.len() / parts];
    for part in values.chunks(sum.len()) {
        sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    Ok(sum)
}

/// The size of a product's sums of `k` terms before anything cancels in them: what the root mean squares of both operands
/// give for random signs. Behind a normalization, gradients of weights cancel to a thousandth of it, so that the rounding of
/// two right kernels differs by more than a share of the result.
fn scale(operands: [Option<&Vec<f32>>; 2], k: usize) -> f64 {
    let mean_square = |values: &Vec<f32>| {
        values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / values.len().max(1) as f64
    };
    let [a, b] = operands.map(|values| values.map_or(0.0, mean_square));
    (a * b * k as f64).sqrt()
}
