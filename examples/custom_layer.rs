//! A layer of one's own, outside of wgrad: swish with a learned slope for each channel, `y = x sigmoid(slope x)`
//! (Ramachandran et al. 2017). It checks its gradient and then trains a network with it:
//!
//! ```text
//! cargo run --release --example custom_layer
//! ```

use std::sync::Arc;

use wgrad::data::{Loader, Sampler, shapes};
use wgrad::exec::{Options, Program};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{
    Arena, Graph, GraphError, Initializer, Inputs, Mode, Operation, Plan, Recorder, Sink, TensorId, VariableSpec,
};
use wgrad::kernel::{MicroKernel, Wgsl};
use wgrad::minibatch::{Minibatch, Step};
use wgrad::ops::{Augmentation, Conv2d, Dense, Ingest, METRIC_SLOTS, Padding, PixelScale, Pool2d};
use wgrad::optim::Optimizer;
use wgrad::self_test::{Case, CaseResult, OperationCase};
use wgrad::{Error, Shape};

/// `y = x sigmoid(slope x)`. Its inputs are `x` and the tensor of weights that holds the slopes.
#[derive(Debug)]
struct Swish {
    /// `[.., channels]`
    shape: Shape,
}

/// Shaders read operands and write results four floats at a time; `i` counts floats. In memory a row has STRIDE of them,
/// the channels rounded up to a multiple of four.
const FORWARD: Wgsl = Wgsl::new(
    "swish/forward",
    "
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let x = read_a(i);
    return x / (1.0 + exp(-read_b(i % STRIDE) * x));
}
",
);

/// `dx = dy s (1 + slope x (1 - s))`, where `s = sigmoid(slope x)`.
const DX: Wgsl = Wgsl::new(
    "swish/dx",
    "
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let slope_x = read_d(i % STRIDE) * read_b(i);
    let s = 1.0 / (1.0 + exp(-slope_x));
    return read_a(i) * s * (1.0 + slope_x * (1.0 - s));
}
",
);

/// `dslope = sum over the rows of dy x x s (1 - s)`: a workgroup for four channels, whose sums have one order.
const DSLOPE: Wgsl = Wgsl::new(
    "swish/dslope",
    "
override ROWS: u32;
override STRIDE: u32;

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let channel = linear_workgroup(workgroup, count) * 4u;
    let slope = read_d(min(channel, STRIDE - 4u));
    var sum = vec4<f32>();
    for (var row = invocation; row < ROWS; row += 64u) {
        let i = row * STRIDE + min(channel, STRIDE - 4u);
        let x = read_b(i);
        let s = 1.0 / (1.0 + exp(-slope * x));
        sum += read_a(i) * x * x * s * (1.0 - s);
    }
    sums[invocation] = sum;
    workgroupBarrier();
    if (invocation == 0u && channel < STRIDE) {
        for (var k = 1u; k < 64u; k++) { sum += sums[k]; }
        write_c(channel, sum);
    }
}
",
);

impl Swish {
    /// Adds the operation, with its slopes, to a graph.
    fn add_to(graph: &mut Graph, name: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let shape = graph.tensor(x).shape.clone();
        let slopes = graph.add_weights(name, Self::variables(name, shape.columns()))?;
        graph.add_node(name, Self { shape }, &[x, slopes])
    }

    /// The slopes `[channels]`, which begin as ones.
    fn variables(layer: &str, channels: usize) -> Vec<VariableSpec> {
        vec![VariableSpec::vector(layer, "slope", channels, Initializer::Ones)]
    }
}

impl Operation for Swish {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.shape.clone())?;
        inputs.shape(1, [self.shape.padded_columns()])
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        recorder
            .dispatch("swish")
            .a(inputs[0])
            .b(inputs[1])
            .c(outputs[0])
            .source(FORWARD)
            .size("STRIDE", self.shape.padded_columns())
            .elementwise(&self.shape, 5)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let (rows, stride) = (self.shape.rows(), self.shape.padded_columns());
        // There is no sink where nobody needs the gradient, as of the slopes of a frozen layer.
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, dx| {
                let dispatch = recorder.dispatch("swish dx").a(dy).b(inputs[0]).d(Some(inputs[1])).c(dx);
                dispatch.source(DX).size("STRIDE", stride).elementwise(&self.shape, 10).record();
            });
        }
        if let Some(sink) = &sinks[1] {
            recorder.store(sink, |recorder, dslope| {
                let dispatch = recorder.dispatch("swish dslope").a(dy).b(inputs[0]).d(Some(inputs[1])).c(dslope);
                dispatch
                    .source(DSLOPE)
                    .size("ROWS", rows)
                    .size("STRIDE", stride)
                    .workgroups(stride / 4, 1)
                    .cost(10 * (rows * stride) as u64, rows.div_ceil(64) + 64)
                    .record();
            });
        }
    }
}

/// Compares the operation and its gradients with f64 for some shapes, with every kernel that the adapter runs, and returns
/// what is wrong. The gradients are those of central differences.
pub fn failures(gpu: &Arc<Gpu>) -> Result<Vec<String>, Error> {
    let mut failures = Vec::new();
    for shape in [vec![2, 5, 4, 6], vec![1, 1, 1, 3], vec![70, 9]] {
        let channels = shape[shape.len() - 1];
        let case = OperationCase {
            name: format!("swish of {shape:?}"),
            activations: vec![shape.clone()],
            weights: vec![Swish::variables("swish", channels)],
            build: Box::new(move |graph, tensors| {
                let shape = graph.tensor(tensors[0]).shape.clone();
                graph.add_node("swish", Swish { shape }, tensors)
            }),
            reference: Box::new(move |inputs| {
                let swish = |(i, x): (usize, &f64)| x / (1.0 + (-inputs[1][i % channels] * x).exp());
                inputs[0].iter().enumerate().map(swish).collect()
            }),
        };
        let name = case.name.clone();
        let case = Case::from(case);
        for kernel in MicroKernel::ALL.into_iter().filter(|kernel| gpu.supports(*kernel).is_ok()) {
            failures.extend(CaseResult::new("swish", &name, kernel, case.run(gpu, kernel)).failures());
        }
    }
    Ok(failures)
}

/// Trains a small network with the layer for some epochs on generated shapes, and returns the mean loss of each.
pub fn train(gpu: &Arc<Gpu>, epochs: u64) -> Result<Vec<f64>, Error> {
    const BATCH: usize = 32;
    let data = shapes::generate(1280, 10);
    let [h, w, c] = data.train.image_shape();
    let layout = Minibatch::new(BATCH, [h, w, c]);

    let mut graph = Graph::new(Options::default().target(gpu)?);
    let minibatch = graph.minibatch(layout);
    let scale = PixelScale { scale: vec![1.0 / 255.0; c], offset: Vec::new() };
    let ingest = Ingest { output: [BATCH, h, w, c], augmentation: Augmentation::default(), scale };
    let mut x = graph.ingest(ingest, minibatch)?;
    for (name, filters) in [("conv2d", 8), ("conv2d_1", 16)] {
        let input = <[usize; 4]>::try_from(graph.tensor(x).shape.dims()).unwrap_or_default();
        let (kernel, stride, padding) = ([3, 3], [1, 1], Padding::Same);
        let conv2d = Conv2d { input, filters, kernel, stride, padding, bias: true, relu: false };
        let weights = graph.add_weights(name, VariableSpec::kernel_and_bias(name, conv2d.kernel_shape(), true))?;
        x = graph.conv2d(name, conv2d, x, weights)?;
        x = Swish::add_to(&mut graph, &format!("{name}_swish"), x)?;
        let input = <[usize; 4]>::try_from(graph.tensor(x).shape.dims()).unwrap_or_default();
        x = graph.max_pool2d(name, Pool2d { input, window: [4, 4], stride: [4, 4], padding: Padding::Valid }, x)?;
    }
    x = graph.flatten("flatten", x)?;
    let (features, units) = (graph.tensor(x).shape.columns(), data.class_names.len());
    let weights = graph.add_weights("dense", VariableSpec::kernel_and_bias("dense", vec![features, units], true))?;
    x = graph.dense("dense", Dense { input: [BATCH, features], units, bias: true, relu: false }, x, weights)?;
    let loss = graph.softmax_cross_entropy(x, minibatch, 0.0)?;

    let optimizer = Optimizer { learning_rate: 1e-2, ..Optimizer::default() };
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[])?.0);
    let (update, table) = optimizer.record(&mut graph, minibatch)?;
    dispatches.extend(update);
    let plan = Plan::new(&graph, dispatches, &[])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::default())?;
    for (tensor, values) in table.inputs() {
        program.write(&graph, &plan, tensor, values)?;
    }
    program.write_arena(&graph, Arena::Weights, &graph.initial_values(0))?;

    let (mut losses, mut steps) = (Vec::new(), 0);
    let sampler = Sampler::new(data.train.len(), 0);
    for epoch in 0..epochs {
        let mut loader = Loader::new(data.train.clone(), sampler.permutation(epoch), BATCH, 2)?;
        let (mut sum, mut batches) = (0.0, 0);
        while let Some(batch) = loader.next() {
            let step = Step { number: steps as u32, ..Step::over(batch.len as u32) };
            let step = optimizer.at(steps, optimizer.learning_rate, step);
            let words = layout.encode(&step, &batch.labels, &batch.pixels, units)?;
            program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words))?;
            program.run(0)?;
            // Each step has a row of its own: the sum of the losses, the hits, and the number of images.
            let metrics = gpu.block_on(program.read(&graph, &plan, loss))?;
            sum += f64::from(metrics[steps as usize % METRIC_SLOTS * 4]) / batch.len as f64;
            batches += 1;
            steps += 1;
            loader.recycle(batch);
        }
        losses.push(sum / f64::from(batches));
    }
    Ok(losses)
}

fn main() -> Result<(), Error> {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    let failures = failures(&gpu)?;
    if !failures.is_empty() {
        println!("the gradient is wrong:\n{}", failures.join("\n"));
        std::process::exit(1);
    }
    println!("the gradient is right");
    for (epoch, loss) in train(&gpu, 5)?.into_iter().enumerate() {
        println!("epoch {}: loss {loss:.4}", epoch + 1);
    }
    Ok(())
}
