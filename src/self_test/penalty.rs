//! Penalties of weights in the loss and in the gradient: gradients in parts, frozen layers, variables without a penalty.

use std::sync::Arc;

use super::case::{distinct, graph, read_gradients, widened, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::exec::{ExecError, Program};
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Mode, Plan, Regularizer, TensorId, Variable, VariableSpec};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::ops::{Conv2d, METRIC_SLOTS, Padding};
use crate::optim::Penalties;

const LIMIT: f64 = 1e-5;

/// Images of the minibatch, and how many of them count.
const IMAGES: [usize; 2] = [4, 3];

pub(super) fn cases() -> Vec<Case> {
    let penalties =
        [("l2", Regularizer::l2(0.3)), ("l1", Regularizer::l1(0.02)), ("both", Regularizer { l1: 0.01, l2: 2.0 })];
    let mut cases = Vec::new();
    for (name, regularizer) in penalties {
        // The last kernel takes several workgroups.
        for channels in [[3, 5], [7, 6], [90, 60]] {
            let name = format!("{name} of {channels:?} channels");
            cases.push(Case::new(name, move |gpu, micro_kernel| {
                with_and_without_runtime_checks(
                    gpu,
                    |checks| run(gpu, micro_kernel, channels, regularizer, checks),
                    |results| compare(results, regularizer),
                )
            }));
        }
    }
    cases
}

fn convolution(input: [usize; 4], filters: usize) -> Conv2d {
    let kernel = if input[3] < 10 { [3, 3] } else { [1, 1] };
    Conv2d { input, filters, kernel, stride: [1, 1], padding: Padding::Same, bias: true, relu: false }
}

/// Loss and gradient in training, and loss in inference, without penalties and with them; then the weights with a penalty,
/// as they lie among the gradients: 0 stands for one without.
fn run(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    [c, filters]: [usize; 2],
    regularizer: Regularizer,
    checks: RuntimeChecks,
) -> Result<Vec<Vec<f32>>, ExecError> {
    let mut results = Vec::new();
    let mut penalized = Vec::new();
    for with in [false, true] {
        let mut graph = graph(micro_kernel, 5);
        let minibatch = graph.minibatch(Minibatch::new(IMAGES[0], [0; 3]));
        let input = [IMAGES[0], 9, 8, c];
        let x = graph.input("x", input);
        let regularized = |mut variables: Vec<VariableSpec>| {
            variables[0].regularizer = regularizer;
            variables
        };
        let mut y = x;
        let mut all: Vec<TensorId> = Vec::new();
        for (name, input) in
            [("first", input), ("frozen", [IMAGES[0], 9, 8, filters]), ("plain", [IMAGES[0], 9, 8, filters])]
        {
            let geometry = convolution(input, filters);
            let variables = geometry.variables(name);
            let w = graph.add_weights(name, if name == "plain" { variables } else { regularized(variables) })?;
            y = graph.conv2d(name, geometry, y, w)?;
            all.push(w);
        }
        graph.freeze("frozen");
        let logits = graph.global_average_pool2d("logits", false, y)?;
        let loss = graph.softmax_cross_entropy(logits, minibatch, 0.0)?;
        let mut train = graph.record_forward(Mode::Train);
        train.extend(graph.record_backward(&[], &[])?.0);
        let mut infer = graph.record_forward(Mode::Infer);
        let penalties = Penalties::new(&mut graph);
        if let Some(penalties) = penalties.as_ref().filter(|_| with) {
            train.extend(penalties.record(&mut graph, Mode::Train, minibatch, loss)?);
            infer.extend(penalties.record(&mut graph, Mode::Infer, minibatch, loss)?);
        }
        let plans = [Plan::new(&graph, train, &[])?, Plan::new(&graph, infer, &[])?];
        let program = Program::new(gpu.clone(), &graph, &[&plans[0], &plans[1]], checks)?;
        program.fill_slots(f32::NAN);
        for (tensor, values) in penalties.iter().filter(|_| with).flat_map(Penalties::tables) {
            program.write(&graph, &plans[0], tensor, values)?;
        }
        program.write(&graph, &plans[0], x, &distinct(input.iter().product(), 3))?;
        let values = |place: usize, variable: &Variable| -> Vec<f32> {
            // Each seventh weight is 0, where the gradient of its absolute value is 0 too.
            let values = distinct(variable.len(), 5 + place).into_iter().enumerate();
            values.map(|(i, w)| if i % 7 == 2 { 0.0 } else { 0.3 * w }).collect()
        };
        for (place, variable) in graph.variables().iter().enumerate() {
            program.write_variable(&graph, Arena::Weights, variable, &values(place, variable))?;
            let (gradient, _) = graph.gradient_parts(variable.gradient());
            program.write(&graph, &plans[0], gradient, &vec![f32::NAN; graph.tensor(gradient).shape.elements()])?;
        }
        for (place, plan) in plans.iter().enumerate() {
            let number = (METRIC_SLOTS + 4 + place) as u32;
            let step = Step { number, ..Step::over(IMAGES[1] as u32) };
            let words = Minibatch::new(IMAGES[0], [0; 3]).encode(&step, &[1, 0, 2, 1], &[], filters)?;
            program.write(&graph, plan, minibatch, bytemuck::cast_slice(&words))?;
            program.run(place)?;
            let metrics = gpu.block_on(program.read(&graph, plan, loss))?;
            results.push(vec![metrics[(4 + place) * 4]]);
        }
        let mut gradients = read_gradients(gpu, &program, &graph, &plans[0], all[0])?;
        gradients.extend(read_gradients(gpu, &program, &graph, &plans[0], all[2])?);
        results.push(gradients);
        let trained = graph.variables().iter().enumerate().filter(|(_, variable)| variable.layer() != "frozen");
        penalized = trained
            .flat_map(|(place, variable)| match variable.regularizer().is_none() {
                true => vec![0.0; variable.len()],
                false => values(place, variable),
            })
            .collect();
    }
    results.push(penalized);
    Ok(results)
}

fn compare(results: &[Vec<f32>], Regularizer { l1, l2 }: Regularizer) -> Vec<Comparison> {
    let wide: Vec<Vec<f64>> = results.iter().map(|values| widened(values)).collect();
    let [train, infer, gradient, .., weights] = &wide[..] else { return Vec::new() };
    let penalty: f64 = weights.iter().map(|w| l1 * w.abs() + l2 * w * w).sum();
    let loss = |plain: &[f64]| vec![plain[0] + IMAGES[1] as f64 * penalty];
    let sign = |w: f64| if w == 0.0 { 0.0 } else { w.signum() };
    let with = |(dw, w): (&f64, &f64)| dw + l1 * sign(*w) + 2.0 * l2 * w;
    let gradient: Vec<f64> = gradient.iter().zip(weights).map(with).collect();
    vec![
        Comparison::close("forward", "loss in training", &results[3], &loss(train), LIMIT),
        Comparison::close("forward", "loss in inference", &results[4], &loss(infer), LIMIT),
        Comparison::close("gradient", "dw", &results[5], &gradient, LIMIT),
    ]
}
