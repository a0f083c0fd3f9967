//! Convolutions, depthwise convolutions and dense layers that end in a batch normalization by moving averages: channels that
//! fill no vec4, one image, one pixel, with and without gamma, beta, bias, a sum, and activations.

use std::cell::OnceCell;
use std::sync::Arc;

use super::case::{distinct, graph, widened, with_and_without_runtime_checks};
use super::normalization::moving;
use super::operation_case::FORWARD;
use super::{Case, Comparison};
use crate::exec::{ExecError, Program};
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Dispatch, GraphError, Home, Mode, Operation, Plan, TensorId, VariableSpec};
use crate::kernel::MicroKernel;
use crate::minibatch::Minibatch;
use crate::ops::{ActivationFunction, BatchNorm, Conv2d, Dense, DepthwiseConv2d, Normalized, Padding};

/// A convolution that ends in `norm`, with a reference in f64 of the convolution alone.
struct Ended<C> {
    convolution: C,
    norm: BatchNorm,
    /// Shape of `x`.
    input: Vec<usize>,
    /// Of the convolution.
    variables: Vec<VariableSpec>,
    reference: fn(C, &[f64], &[f64]) -> Vec<f64>,
}

impl<C: Copy + 'static> Ended<C>
where
    Normalized<C>: Operation,
{
    fn case(self, name: &str) -> Case {
        let BatchNorm { scale, center, added, activation, .. } = &self.norm;
        let name = format!(
            "{name}: {:?} to {}, scale {scale}, center {center}, added {added}, {activation:?}",
            self.input, self.norm.input
        );
        let expected = OnceCell::new();
        Case::new(name, move |gpu, micro_kernel| {
            let expected = expected.get_or_init(|| self.expected());
            with_and_without_runtime_checks(
                gpu,
                |checks| self.results(gpu, micro_kernel, checks),
                |results| {
                    let padding = vec![0.0; results[1].len()];
                    vec![
                        Comparison::close("forward", "y", &results[0], expected, FORWARD),
                        Comparison::same_values("padding", &results[1], &padding),
                    ]
                },
            )
        })
    }

    /// Values of `x` and of what is added.
    fn activations(&self) -> Vec<Vec<f32>> {
        let added = self.norm.added.then(|| self.norm.input.dims().to_vec());
        let shapes = std::iter::once(self.input.clone()).chain(added);
        shapes.enumerate().map(|(i, shape)| distinct(shape.iter().product(), 7 * i + 3)).collect()
    }

    /// Values of the variables of the convolution, then moving mean, moving variance, and those of the normalization.
    fn values(&self) -> [Vec<Vec<f32>>; 3] {
        let channels = self.norm.input.columns();
        let values = |variables: &[VariableSpec], salt: usize| -> Vec<Vec<f32>> {
            let sizes = variables.iter().map(|variable| variable.shape.iter().product());
            sizes.enumerate().map(|(i, size)| distinct(size, 11 * i + salt)).collect()
        };
        let moving = [0, 1].map(|i| (0..channels).map(|channel| moving(channel)[i] as f32).collect());
        [values(&self.variables, 5), moving.to_vec(), values(&self.norm.variables("norm"), 8)]
    }

    fn expected(&self) -> Vec<f64> {
        let [weights, _, vectors] = self.values();
        let activations = self.activations();
        let y = (self.reference)(self.convolution, &widened(&activations[0]), &widened(&weights.concat()));
        let others = vectors.iter().chain(&activations[1..]).map(|values| widened(values));
        let inputs: Vec<Vec<f64>> = std::iter::once(y).chain(others).collect();
        let [y, _] = super::batch_norm::reference(&self.norm, Mode::Infer, &inputs);
        y
    }

    /// The output, and what follows its rows in memory.
    fn results(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        checks: RuntimeChecks,
    ) -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = graph(micro_kernel, 5);
        let shape = self.norm.input.clone();
        let shapes = [self.input.clone(), shape.dims().to_vec()];
        // They are made mid-graph.
        let halves: Vec<[TensorId; 2]> = (self.activations().iter().zip(&shapes))
            .map(|(_, shape)| [0, 1].map(|_| graph.input("half", shape.clone())))
            .collect();
        let made: Vec<TensorId> = halves.iter().map(|[a, b]| graph.add("sum", *a, *b)).collect::<Result<_, _>>()?;
        let weights = graph.add_weights("convolution", self.variables.clone())?;
        let moving = graph.add_weights("moving", self.norm.moving_variables("moving", 0.9))?;
        let vectors = Some(self.norm.variables("norm")).filter(|variables| !variables.is_empty());
        let vectors = vectors.map(|variables| graph.add_weights("norm", variables)).transpose()?;
        let minibatch = graph.minibatch(Minibatch::new(shape.dims()[0], [0; 3]));
        let inputs: Vec<TensorId> =
            [made[0], weights, minibatch, moving].into_iter().chain(vectors).chain(made.get(1).copied()).collect();
        let operation = Normalized { convolution: self.convolution, norm: self.norm.clone() };
        let y = graph.add_own_node("y", operation, &inputs)?;
        let dispatches = graph.record_forward(Mode::Infer);
        // Packing the weights comes before them.
        let is_packing = |dispatch: &&Dispatch| dispatch.name().ends_with(", packed");
        if dispatches.len() != made.len() + 1 + dispatches.iter().filter(is_packing).count() {
            let wrong = "it takes more than one dispatch".into();
            return Err(GraphError::Value { node: "y".into(), wrong }.into());
        }
        let plan = Plan::new(&graph, dispatches, &[y])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        program.fill_slots(f32::NAN);
        for ([a, b], values) in halves.iter().zip(&self.activations()) {
            program.write(&graph, &plan, *a, values)?;
            program.write(&graph, &plan, *b, &vec![0.0; values.len()])?;
        }
        for (variable, values) in graph.variables().iter().zip(self.values().concat()) {
            program.write_variable(&graph, Arena::Weights, variable, &values)?;
        }
        program.run(0)?;
        let in_memory = graph.add_tensor("in memory", [shape.rows(), shape.padded_columns()], Home::View(y));
        let floats = gpu.block_on(program.read(&graph, &plan, in_memory))?;
        let rows = floats.chunks(shape.padded_columns());
        let padding = rows.flat_map(|row| row[shape.columns()..].to_vec()).collect();
        Ok(vec![gpu.block_on(program.read(&graph, &plan, y))?, padding])
    }
}

/// Each combination that has code of its own.
fn norms(input: impl Into<crate::shape::Shape>) -> Vec<BatchNorm> {
    let plain = BatchNorm::new(input);
    let relu = Some(ActivationFunction::RELU);
    let ending = |added, activation| BatchNorm { added, activation, ..plain.clone() };
    vec![
        plain.clone(),
        ending(false, relu),
        ending(true, None),
        ending(true, relu),
        ending(false, Some(ActivationFunction::RELU6)),
        // It makes something of 0, which the padding must stay.
        ending(false, Some(ActivationFunction::Sigmoid)),
        BatchNorm { scale: false, ..plain.clone() },
        BatchNorm { center: false, epsilon: 1e-5, ..plain.clone() },
        BatchNorm { scale: false, center: false, frozen: true, ..ending(true, relu) },
    ]
}

/// All of them for one geometry, two for the others.
fn norms_of(place: usize, input: impl Into<crate::shape::Shape>) -> Vec<BatchNorm> {
    let norms = norms(input);
    let number = norms.len();
    if place == 0 { norms } else { norms.into_iter().cycle().skip(3 * place % number).take(2).collect() }
}

pub(super) fn cases() -> Vec<Case> {
    let (valid, same) = (Padding::Valid, Padding::Same);
    let mut cases = Vec::new();
    let convolutions = [
        ([2, 5, 7, 3], 5, [3, 3], [1, 1], same, false),
        ([1, 1, 1, 1], 1, [1, 1], [1, 1], valid, false),
        ([1, 4, 8, 6], 37, [3, 3], [1, 1], same, true),
        ([1, 9, 8, 5], 8, [3, 2], [2, 2], valid, false),
        ([3, 3, 5, 6], 70, [1, 1], [1, 1], valid, true),
    ];
    for (place, (input, filters, kernel, stride, padding, bias)) in convolutions.into_iter().enumerate() {
        let convolution = Conv2d { input, filters, kernel, stride, padding, bias, relu: false };
        for norm in norms_of(place, convolution.output()) {
            let (variables, reference) = (convolution.variables("convolution"), super::conv2d::reference);
            cases.push(Ended { convolution, norm, input: input.to_vec(), variables, reference }.case("convolution"));
        }
    }
    let depthwise = [
        ([2, 5, 7, 3], 1, [1, 1], same, false),
        ([1, 8, 6, 5], 2, [2, 2], same, true),
        ([1, 3, 3, 1], 1, [1, 1], valid, false),
    ];
    for (place, (input, multiplier, stride, padding, bias)) in depthwise.into_iter().enumerate() {
        let convolution = DepthwiseConv2d { input, multiplier, kernel: [3, 3], stride, padding, bias };
        for norm in norms_of(place + 1, convolution.output()) {
            let (variables, reference) = (convolution.variables("convolution"), super::depthwise_conv2d::reference);
            cases.push(Ended { convolution, norm, input: input.to_vec(), variables, reference }.case("depthwise"));
        }
    }
    for (place, (input, units)) in [([5, 9], 7), ([1, 3], 66)].into_iter().enumerate() {
        let convolution = Dense { input, units, bias: true, relu: false };
        for norm in norms_of(place + 1, [input[0], units]) {
            let (variables, reference) = (convolution.variables("dense"), super::dense::reference);
            cases.push(Ended { convolution, norm, input: input.to_vec(), variables, reference }.case("dense"));
        }
    }
    cases
}
