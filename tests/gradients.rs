//! The reverse walk over random graphs, against differences in f64: values that are used once, twice, as both operands,
//! through views, or not at all, and whose gradient is wanted or not; parameters that are used directly, frozen or not;
//! several ends; operations that are fused and the same operations one by one.

use std::collections::HashMap;
use std::sync::Arc;

use wgrad::Shape;
use wgrad::data::Batch;
use wgrad::exec::{Executor, Options, Program};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{
    Graph, GraphError, Inputs, Mode, Operation, Plan, Recorder, Role, Sink, Target, TensorId, VariableSpec,
};
use wgrad::kernel::MicroKernel;
use wgrad::minibatch::{Minibatch, Step};
use wgrad::model::Sequential;
use wgrad::ops::{ActivationFunction, Conv2d, Conv2dMaxPool2d, Dense, Padding, Pool2d};

/// Shapes of values, so chosen that any two of one kind can be added, and that each [`ROWS`] can be a kernel.
const ROWS: [usize; 4] = [0, 0, 4, 4];
const PIXEL: [usize; 4] = [4, 1, 1, 4];
const CELLS: [usize; 4] = [4, 2, 2, 4];
/// Its rows are copied where they are flattened, since two channels do not fill a vec4.
const NARROW: [usize; 4] = [4, 1, 2, 2];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Input,
    Parameter {
        frozen: bool,
    },
    Add(usize, usize),
    Multiply(usize, usize),
    Relu(usize),
    Tanh(usize),
    Flatten(usize),
    Dense {
        x: usize,
        w: usize,
        relu: bool,
    },
    Conv {
        x: usize,
        w: usize,
        relu: bool,
    },
    ConvPool {
        x: usize,
        w: usize,
        relu: bool,
    },
    /// Of the 2 x 2 cells.
    Pool(usize),
}

#[derive(Debug)]
struct Value {
    op: Op,
    shape: [usize; 4],
}

impl Value {
    fn elements(&self) -> usize {
        if self.shape == ROWS { 16 } else { self.shape.iter().product() }
    }
}

/// Numbers from a seed (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    /// In ±1.
    fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.below(1 << 20) as f32 + 0.5) / (1 << 19) as f32 - 1.0).collect()
    }
}

/// A graph: values in order, and the ends from which gradients come.
#[derive(Debug)]
struct Case {
    values: Vec<Value>,
    /// Of the inputs and parameters.
    numbers: HashMap<usize, Vec<f32>>,
    /// Values whose gradient is wanted.
    wanted: Vec<usize>,
    /// Whether the relus and pools of operations are nodes of their own.
    plain: bool,
    /// Whether the graph's operations are fused.
    fused: bool,
    /// A value, and the gradient that arrives at it.
    upstream: Vec<(usize, Vec<f32>)>,
    /// Logits of a loss, if there is one.
    loss: Option<usize>,
}

const LABELS: [u32; 4] = [2, 0, 3, 1];

impl Case {
    fn random(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut values = Vec::new();
        for shape in [ROWS, PIXEL, CELLS, NARROW] {
            values.push(Value { op: Op::Input, shape });
        }
        for _ in 0..3 {
            let frozen = random.below(4) == 0;
            values.push(Value { op: Op::Parameter { frozen }, shape: ROWS });
        }
        let leaves = values.len();
        while values.len() < leaves + 9 {
            // Late values more often than early ones, so that graphs become deep.
            let any = |random: &mut Random, shape: [usize; 4], values: &[Value]| {
                let of: Vec<usize> = (0..values.len()).filter(|i| values[*i].shape == shape).collect();
                of[random.below(of.len()).max(random.below(of.len()))]
            };
            let i = random.below(values.len()).max(random.below(values.len()));
            let (shape, relu) = (values[i].shape, random.coin());
            let w = any(&mut random, ROWS, &values);
            let same = any(&mut random, shape, &values);
            let (op, shape) = match (random.below(7), shape) {
                (0, _) => (Op::Add(i, same), shape),
                (6, _) => (Op::Multiply(i, same), shape),
                (1, _) => (Op::Relu(i), shape),
                (2, _) => (Op::Tanh(i), shape),
                (3, PIXEL | NARROW | ROWS) => (Op::Flatten(i), ROWS),
                (_, ROWS) => (Op::Dense { x: i, w, relu }, ROWS),
                (3, CELLS) => (Op::ConvPool { x: i, w, relu }, PIXEL),
                (4, CELLS) => (Op::Pool(i), PIXEL),
                (_, PIXEL | CELLS) => (Op::Conv { x: i, w, relu }, shape),
                _ => (Op::Add(i, same), shape),
            };
            values.push(Value { op, shape });
        }
        let numbers = (0..leaves).map(|i| (i, random.values(values[i].elements()))).collect();
        // Most inputs, and a few of the others.
        let wanted = (0..values.len()).filter(|i| (*i < 4) == (random.below(6) > 0)).collect();
        let mut upstream = Vec::new();
        for _ in 0..=random.below(3) {
            // Parameters too, and one value more than once.
            let i = 4 + random.below(values.len() - 4);
            upstream.push((i, random.values(values[i].elements())));
        }
        upstream.push((values.len() - 1, random.values(values[values.len() - 1].elements())));
        let rows: Vec<usize> = (leaves..values.len()).filter(|i| values[*i].shape == ROWS).collect();
        let loss = (random.coin() && !rows.is_empty()).then(|| rows[random.below(rows.len())]);
        let (plain, fused) = (random.coin(), random.below(3) > 0);
        Self { values, numbers, wanted, plain, fused, upstream, loss }
    }

    /// All values in f64. Those in `numbers` are given, the others computed.
    fn compute(&self, numbers: &HashMap<usize, Vec<f64>>) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = Vec::new();
        let largest =
            |cells: &[f64], i: usize| (0..4).map(|j| cells[i / 4 * 16 + j * 4 + i % 4]).fold(f64::MIN, f64::max);
        let product = |x: &[f64], w: &[f64], relu: bool| -> Vec<f64> {
            let cell = |i: usize| (0..4).map(|k| x[i / 4 * 4 + k] * w[k * 4 + i % 4]).sum::<f64>();
            (0..x.len()).map(cell).map(|y| if relu { y.max(0.0) } else { y }).collect()
        };
        for (i, value) in self.values.iter().enumerate() {
            if let Some(given) = numbers.get(&i) {
                all.push(given.clone());
                continue;
            }
            all.push(match value.op {
                Op::Input | Op::Parameter { .. } => unreachable!("it is given"),
                Op::Add(a, b) => all[a].iter().zip(&all[b]).map(|(a, b)| a + b).collect(),
                Op::Multiply(a, b) => all[a].iter().zip(&all[b]).map(|(a, b)| a * b).collect(),
                Op::Relu(a) => all[a].iter().map(|x| x.max(0.0)).collect(),
                Op::Tanh(a) => all[a].iter().map(|x| x.tanh()).collect(),
                Op::Flatten(a) => all[a].clone(),
                Op::Dense { x, w, relu } | Op::Conv { x, w, relu } => product(&all[x], &all[w], relu),
                Op::ConvPool { x, w, relu } => {
                    let cells = product(&all[x], &all[w], relu);
                    (0..16).map(|i| largest(&cells, i)).collect()
                }
                Op::Pool(a) => (0..16).map(|i| largest(&all[a], i)).collect(),
            });
        }
        all
    }

    /// The sum of all ends, in f64.
    fn total(&self, numbers: &HashMap<usize, Vec<f64>>) -> f64 {
        let all = self.compute(numbers);
        let mut total = 0.0;
        for (i, dy) in &self.upstream {
            total += all[*i].iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>();
        }
        if let Some(logits) = self.loss {
            for (row, label) in all[logits].chunks(4).zip(LABELS) {
                total += (row.iter().map(|l| l.exp()).sum::<f64>().ln() - row[label as usize]) / 4.0;
            }
        }
        total
    }

    /// The slopes of the total on both sides of each element of a value. They differ where the element is at the kink of a
    /// relu or of a maximum, as a relu's zeros may be.
    fn expected(&self, value: usize) -> Vec<[f64; 2]> {
        const STEP: f64 = 1e-6;
        let mut numbers: HashMap<usize, Vec<f64>> =
            self.numbers.iter().map(|(i, values)| (*i, values.iter().map(|v| f64::from(*v)).collect())).collect();
        let own = self.compute(&numbers)[value].clone();
        numbers.insert(value, own.clone());
        (own.iter().enumerate())
            .map(|(element, own)| {
                let mut at = |change: f64| {
                    numbers.get_mut(&value).unwrap()[element] = own + change;
                    self.total(&numbers)
                };
                let [below, above] = [at(-STEP), at(STEP)];
                let here = at(0.0);
                [(here - below) / STEP, (above - here) / STEP]
            })
            .collect()
    }

    /// The tensor of each value, and the tensors of weights of the parameters.
    fn build(&self, graph: &mut Graph) -> Result<(Vec<TensorId>, HashMap<usize, TensorId>), GraphError> {
        let mut ids: Vec<TensorId> = Vec::new();
        // Values as kernels: parameters as they are, others as views.
        let mut kernels: HashMap<usize, TensorId> = HashMap::new();
        let pool = Pool2d { input: CELLS, window: [2, 2], stride: [2, 2], padding: Padding::Valid };
        for (i, value) in self.values.iter().enumerate() {
            let name = format!("v{i}");
            if let Op::Dense { w, .. } | Op::Conv { w, .. } | Op::ConvPool { w, .. } = value.op
                && !kernels.contains_key(&w)
            {
                kernels.insert(w, graph.add_node("kernel", Reshape(vec![16]), &[ids[w]])?);
            }
            let conv = |relu| Conv2d {
                input: value_shape(&self.values, value.op),
                filters: 4,
                kernel: [1, 1],
                stride: [1, 1],
                padding: Padding::Valid,
                bias: false,
                relu,
            };
            ids.push(match value.op {
                Op::Input if value.shape == ROWS => graph.input(name, [4, 4]),
                Op::Input => graph.input(name, value.shape),
                Op::Parameter { frozen } => {
                    let role = if frozen { Role::Constant } else { Role::Trained };
                    let w = graph
                        .add_weights(&name, vec![VariableSpec { role, ..VariableSpec::kernel(&name, vec![4, 4]) }])?;
                    kernels.insert(i, w);
                    graph.add_node(&name, Reshape(vec![4, 4]), &[w])?
                }
                Op::Add(a, b) => graph.add(&name, ids[a], ids[b])?,
                Op::Multiply(a, b) => graph.multiply(&name, ids[a], ids[b])?,
                Op::Relu(a) => graph.relu(&name, ids[a])?,
                Op::Tanh(a) => graph.activation(&name, ActivationFunction::Tanh, ids[a])?,
                Op::Flatten(a) => graph.flatten(&name, ids[a])?,
                Op::Dense { x, w, relu } => {
                    let dense = Dense { input: [4, 4], units: 4, bias: false, relu: relu && !self.plain };
                    let y = graph.dense(&name, dense, ids[x], kernels[&w])?;
                    if relu && self.plain { graph.relu(&name, y)? } else { y }
                }
                Op::Conv { x, w, relu } => {
                    let y = graph.conv2d(&name, conv(relu && !self.plain), ids[x], kernels[&w])?;
                    if relu && self.plain { graph.relu(&name, y)? } else { y }
                }
                Op::ConvPool { x, w, relu } if self.plain => {
                    let mut y = graph.conv2d(&name, conv(false), ids[x], kernels[&w])?;
                    // Relu before the pool, behind it, or both.
                    if relu && i % 3 != 0 {
                        y = graph.relu(&name, y)?;
                    }
                    y = graph.max_pool2d(&name, pool, y)?;
                    if relu && i % 3 != 1 { graph.relu(&name, y)? } else { y }
                }
                Op::ConvPool { x, w, relu } => {
                    graph.add_node(&name, Conv2dMaxPool2d { convolution: conv(relu) }, &[ids[x], kernels[&w]])?
                }
                Op::Pool(a) => graph.max_pool2d(&name, pool, ids[a])?,
            });
        }
        Ok((ids, kernels))
    }

    fn check(&self, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<(), wgrad::Error> {
        let mut graph = Graph::new(Target::new(micro_kernel, 4));
        let layout = Minibatch::new(4, [0; 3]);
        let minibatch = graph.minibatch(layout);
        let (ids, weights) = self.build(&mut graph)?;
        let upstream: Vec<(TensorId, TensorId)> = (self.upstream.iter())
            .map(|(i, _)| (ids[*i], graph.input("dy", graph.tensor(ids[*i]).shape.clone())))
            .collect();
        if let Some(logits) = self.loss {
            graph.softmax_cross_entropy(ids[logits], minibatch, 0.0)?;
        }
        let wanted: Vec<TensorId> = self.wanted.iter().map(|i| ids[*i]).collect();
        if self.fused {
            let seen: Vec<TensorId> = upstream.iter().map(|(id, _)| *id).chain(wanted.iter().copied()).collect();
            graph.fuse(Mode::Train, &seen);
        }
        let mut dispatches = graph.record_forward(Mode::Train);
        let (backward, gradients) = graph.record_backward(&upstream, &wanted)?;
        dispatches.extend(backward);
        let keep: Vec<TensorId> = wanted.iter().filter_map(|id| gradients.get(id).copied()).collect();
        let plan = Plan::new(&graph, dispatches, &keep)?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::default())?;
        program.fill_slots(f32::NAN);
        let words = layout.encode(&Step::over(4), &LABELS, &[], 4).map_err(wgrad::Error::from)?;
        program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words))?;
        for ((_, dy), (_, values)) in upstream.iter().zip(&self.upstream) {
            program.write(&graph, &plan, *dy, values)?;
        }
        for (i, values) in &self.numbers {
            program.write(&graph, &plan, ids[*i], values)?;
        }
        for variable in graph.variables() {
            let (parts, _) = graph.gradient_parts(variable.gradient());
            for tensor in [variable.gradient(), parts] {
                let nan = vec![f32::NAN; graph.tensor(tensor).shape.elements()];
                program.write(&graph, &plan, tensor, &nan)?;
            }
        }
        program.run(0)?;
        let mut variables = graph.variables().iter();
        for (leaf, value) in self.values.iter().enumerate() {
            let found = match value.op {
                Op::Parameter { frozen } => {
                    let variable = variables.next().unwrap();
                    if frozen {
                        continue;
                    }
                    match gradients.contains_key(&weights[&leaf]) {
                        true => Some(gpu.block_on(program.read_gradient(&graph, &plan, variable))?),
                        false => None,
                    }
                }
                _ if self.wanted.contains(&leaf) => match gradients.get(&ids[leaf]) {
                    Some(gradient) => Some(gpu.block_on(program.read(&graph, &plan, *gradient))?),
                    None => None,
                },
                _ => continue,
            };
            let expected = self.expected(leaf);
            // Nothing leads from it to an end where it has no gradient.
            let found = found.unwrap_or_else(|| vec![0.0; expected.len()]);
            let scale = expected.iter().flatten().fold(1e-2_f64, |scale, e| scale.max(e.abs()));
            for (element, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let close = |expected: &f64| (f64::from(*found) - expected).abs() < 1e-3 * scale;
                assert!(
                    expected.iter().any(close),
                    "{micro_kernel}, element {element} of the gradient of v{leaf} is {found}, expected one of {expected:?}: {self:#?}"
                );
            }
        }
        Ok(())
    }
}

/// The same elements under another shape.
#[derive(Debug)]
struct Reshape(Vec<usize>);

impl Operation for Reshape {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.0.clone().into()]
    }

    fn is_view(&self) -> bool {
        true
    }

    fn passes_gradient(&self, _input: usize) -> bool {
        true
    }

    fn forward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId]) {}

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

fn value_shape(values: &[Value], op: Op) -> [usize; 4] {
    match op {
        Op::Conv { x, .. } | Op::ConvPool { x, .. } => values[x].shape,
        _ => [0; 4],
    }
}

#[test]
fn random_graphs_have_the_gradients_of_central_differences() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for seed in 0..40 {
        let own = gpu.default_micro_kernel();
        let micro_kernel = if seed % 3 == 0 { MicroKernel::Direct } else { own };
        Case::random(seed).check(&gpu, micro_kernel).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// A convolution with relu whose output is read once, twice, through views, by a pool, by nothing that has a gradient, or
/// is wanted: the gate of its gradient is applied by whoever stores the gradient, or behind the sum.
#[test]
fn gates_and_cells_are_applied_once() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let conv = Op::Conv { x: 0, w: 1, relu: true };
    let pooled = Op::ConvPool { x: 0, w: 1, relu: true };
    let again = Op::Conv { x: 3, w: 2, relu: false };
    let dense = |x| Op::Dense { x, w: 2, relu: false };
    // The shape of the image, the first layer, and what reads it.
    let graphs: [(&[usize; 4], Op, &[Op]); 13] = [
        (&PIXEL, conv, &[]),
        (&PIXEL, conv, &[again]),
        (&PIXEL, conv, &[again, again]),
        (&PIXEL, conv, &[Op::Tanh(3)]),
        (&PIXEL, conv, &[Op::Tanh(3), again]),
        (&PIXEL, conv, &[Op::Add(3, 3)]),
        (&PIXEL, conv, &[Op::Relu(3), Op::Tanh(4)]),
        (&PIXEL, conv, &[Op::Flatten(3), dense(4)]),
        (&PIXEL, conv, &[Op::Flatten(3), dense(4), dense(4)]),
        (&CELLS, conv, &[Op::Pool(3), Op::Tanh(4)]),
        (&CELLS, conv, &[Op::Pool(3), again]),
        (&CELLS, pooled, &[Op::Flatten(3), dense(4)]),
        (&CELLS, pooled, &[Op::Relu(3), Op::Tanh(3)]),
    ];
    for (number, (shape, first, readers)) in graphs.into_iter().enumerate() {
        let shape_of = |values: &[Value], op: Op| match op {
            Op::Flatten(_) | Op::Dense { .. } => ROWS,
            Op::Pool(_) | Op::ConvPool { .. } => PIXEL,
            Op::Conv { x, .. } | Op::Tanh(x) | Op::Relu(x) | Op::Add(x, _) | Op::Multiply(x, _) => values[x].shape,
            Op::Input | Op::Parameter { .. } => ROWS,
        };
        for wanted in [vec![0], vec![0, 3], vec![3]] {
            for (plain, fused) in [(false, false), (true, false), (true, true)] {
                let parameter = || Value { op: Op::Parameter { frozen: false }, shape: ROWS };
                let mut values = vec![Value { op: Op::Input, shape: *shape }, parameter(), parameter()];
                for op in [first].iter().chain(readers) {
                    values.push(Value { op: *op, shape: shape_of(&values, *op) });
                }
                let mut random = Random(11 + number as u64);
                let numbers = (0..3).map(|i| (i, random.values(values[i].elements()))).collect();
                // Every reader is an end, if nothing reads it.
                let ends = (3..values.len()).filter(|i| {
                    let reads = |op: Op| match op {
                        Op::Relu(x) | Op::Tanh(x) | Op::Flatten(x) | Op::Pool(x) => x == *i,
                        Op::Add(x, y) | Op::Multiply(x, y) => [x, y].contains(i),
                        Op::Dense { x, .. } | Op::Conv { x, .. } | Op::ConvPool { x, .. } => x == *i,
                        Op::Input | Op::Parameter { .. } => false,
                    };
                    !values.iter().any(|value| reads(value.op))
                });
                let upstream = ends.map(|i| (i, random.values(values[i].elements()))).collect();
                let wanted = wanted.clone();
                let case = Case { values, numbers, wanted, plain, fused, upstream, loss: None };
                let micro_kernel = if number % 3 == 0 { MicroKernel::Direct } else { gpu.default_micro_kernel() };
                case.check(&gpu, micro_kernel).unwrap_or_else(|error| panic!("graph {number}: {error}"));
            }
        }
    }
}

/// The least of it: a parameter that an operation passes the gradient on to.
#[test]
fn a_parameter_that_is_added_has_its_gradient() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let mut random = Random(3);
    let values = vec![
        Value { op: Op::Input, shape: ROWS },
        Value { op: Op::Parameter { frozen: false }, shape: ROWS },
        Value { op: Op::Add(0, 1), shape: ROWS },
        Value { op: Op::Tanh(2), shape: ROWS },
    ];
    let numbers = (0..2).map(|i| (i, random.values(16))).collect();
    let upstream = vec![(3, random.values(16))];
    let case = Case { values, numbers, wanted: vec![0], plain: false, fused: false, upstream, loss: None };
    for micro_kernel in [MicroKernel::Direct, gpu.default_micro_kernel()] {
        case.check(&gpu, micro_kernel).unwrap();
    }
}

/// The norm that the device computes is that of the gradients that the host reads, and asking for it changes nothing.
#[test]
fn the_norm_is_that_of_the_gradients() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([12, 12, 3])
        .rescaling(1.0 / 255.0)
        .conv2d(8, 3)
        .relu()
        .max_pool2d(2)
        .flatten()
        .dense(20)
        .relu()
        .dense(5);
    let [mut asked, mut unasked] = [0, 1].map(|_| {
        let options = Options { batch_size: 8, ..Options::default() };
        Executor::new(gpu.clone(), &model, options).unwrap()
    });
    for step in 0..4_usize {
        let pixels = (0..8 * 432).map(|i| (i * 31 + step * 7) as u8).collect();
        let batch = Batch { pixels, labels: (0..8).map(|i| (i + step as u32) % 5).collect(), len: 8 - step };
        for executor in [&mut asked, &mut unasked] {
            gpu.block_on(executor.train_step(&batch)).unwrap();
        }
        let norm = gpu.block_on(asked.gradient_norm()).unwrap();
        let gradients = gpu.block_on(asked.gradients()).unwrap();
        let squares = gradients.iter().flat_map(|tensor| &tensor.values).map(|g| f64::from(*g).powi(2));
        let expected = squares.sum::<f64>().sqrt();
        assert!((norm / expected - 1.0).abs() < 1e-6, "the norm is {norm}, expected {expected}");
    }
    let states = [asked, unasked].map(|mut executor| {
        let metrics = gpu.block_on(executor.metrics()).unwrap();
        (metrics, gpu.block_on(executor.training_state()).unwrap())
    });
    assert!(states[0] == states[1], "the norm changed the training");
}
