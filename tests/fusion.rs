//! Rules that make one operation of two: where they apply, where they must not, and that they change no result.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options, Program};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{Arena, Graph, GraphError, Mode, Plan, Target, TensorId, VariableSpec};
use wgrad::kernel::MicroKernel;
use wgrad::minibatch::{Minibatch, Step};
use wgrad::model::zoo::ZOO;
use wgrad::model::{BuildOptions, Sequential};
use wgrad::ops::{ActivationFunction, BatchNorm, BatchNormInputs, Conv2d, Dense, Padding, Pool2d};

fn graph() -> Graph {
    Graph::new(Target::new(MicroKernel::Direct, 4))
}

fn convolution(input: [usize; 4]) -> Conv2d {
    Conv2d { input, filters: 4, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: true, relu: false }
}

/// A convolution of a new input and parameter.
fn add_convolution(graph: &mut Graph, size: usize) -> TensorId {
    let geometry = convolution([2, size, size, 4]);
    let x = graph.input("x", geometry.input);
    let w = graph.add_weights("conv", VariableSpec::kernel_and_bias("conv", geometry.kernel_shape(), true)).unwrap();
    graph.conv2d("conv", geometry, x, w).unwrap()
}

fn pool(size: usize, window: usize, stride: usize) -> Pool2d {
    Pool2d { input: [2, size, size, 4], window: [window; 2], stride: [stride; 2], padding: Padding::Valid }
}

/// Names of the dispatches of a forward pass.
fn names(graph: &mut Graph, mode: Mode) -> Vec<String> {
    graph.record_forward(mode).iter().map(|dispatch| dispatch.name().to_owned()).collect()
}

#[test]
fn operations_in_a_row_become_one() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&["relu"], &["conv + relu"]),
        (&["pool"], &["conv + pool"]),
        (&["relu", "pool"], &["conv + relu + pool"]),
        (&["pool", "relu"], &["conv + pool + relu"]),
        (&["relu", "pool", "relu"], &["conv + relu + pool + relu"]),
        (&["pool", "pool"], &["conv + pool", "pool"]),
        // Relu goes with a pool of any windows, which do not go with a convolution.
        (&["relu", "wide"], &["conv", "relu + wide"]),
        (&["tanh", "relu"], &["conv", "tanh", "relu"]),
    ];
    for (operations, expected) in cases {
        let mut graph = graph();
        let mut y = add_convolution(&mut graph, 9);
        let mut size = 9;
        for name in operations {
            y = match *name {
                "relu" => graph.relu(name, y).unwrap(),
                "tanh" => graph.activation(name, ActivationFunction::Tanh, y).unwrap(),
                "pool" => graph.max_pool2d(name, pool(size, 2, 2), y).unwrap(),
                _ => graph.max_pool2d(name, pool(size, 3, 2), y).unwrap(),
            };
            size = graph.tensor(y).shape.dims()[1];
        }
        let plain = names(&mut graph, Mode::Train);
        assert_eq!(plain.len(), 1 + operations.len());
        graph.fuse(Mode::Train, &[]);
        assert_eq!(names(&mut graph, Mode::Train), expected);
        // Each mode has its own rules and tensors to keep.
        assert_eq!(names(&mut graph, Mode::Infer), plain);
    }
}

#[test]
fn a_tensor_that_somebody_reads_or_keeps_stays() {
    let mut graph = graph();
    let y = add_convolution(&mut graph, 4);
    graph.relu("relu", y).unwrap();
    graph.fuse(Mode::Infer, &[y]);
    assert_eq!(names(&mut graph, Mode::Infer), ["conv", "relu"]);
    graph.fuse(Mode::Infer, &[]);
    assert_eq!(names(&mut graph, Mode::Infer), ["conv + relu"]);
    // Another reader, which may be a view.
    graph.flatten("flat", y).unwrap();
    assert_eq!(names(&mut graph, Mode::Infer), ["conv", "relu"], "a new node undoes the fusion");
    graph.fuse(Mode::Infer, &[]);
    assert_eq!(names(&mut graph, Mode::Infer), ["conv", "relu"]);
}

#[test]
fn a_node_that_reads_a_tensor_twice_is_not_fused() {
    let mut graph = graph();
    let y = add_convolution(&mut graph, 4);
    graph.add("twice", y, y).unwrap();
    graph.fuse(Mode::Train, &[]);
    assert_eq!(names(&mut graph, Mode::Train), ["conv", "twice = sum"]);
}

/// The dense layer with its loss takes at most 64 classes.
#[test]
fn an_operation_that_refuses_is_not_fused() {
    let apart = ["dense", "loss", "loss, sum"];
    for (units, expected) in [(64, &["dense + loss", "dense + loss, sum"][..]), (65, &apart)] {
        let dense = Dense { input: [2, 70], units, bias: true, relu: false };
        let mut graph = self::graph();
        let x = graph.input("x", [2, 70]);
        let minibatch = graph.minibatch(Minibatch::new(2, [1, 1, 1]));
        let w = graph.add_weights("dense", VariableSpec::kernel_and_bias("dense", vec![70, units], true)).unwrap();
        let logits = graph.dense("dense", dense, x, w).unwrap();
        graph.softmax_cross_entropy(logits, minibatch, 0.0).unwrap();
        for keep in [&[][..], &[logits]] {
            graph.fuse(Mode::Infer, keep);
            assert_eq!(names(&mut graph, Mode::Infer), expected);
        }
    }
}

/// Inference writes the logits only if somebody keeps them; training keeps them by not fusing.
#[test]
fn logits_are_written_where_somebody_wants_them() {
    let mut graph = graph();
    let x = graph.input("x", [2, 6]);
    let minibatch = graph.minibatch(Minibatch::new(2, [1, 1, 1]));
    let w = graph.add_weights("dense", VariableSpec::kernel_and_bias("dense", vec![6, 3], true)).unwrap();
    let dense = Dense { input: [2, 6], units: 3, bias: true, relu: false };
    let logits = graph.dense("dense", dense, x, w).unwrap();
    graph.softmax_cross_entropy(logits, minibatch, 0.0).unwrap();
    let writes = |graph: &mut Graph, mode: Mode, keep: &[TensorId]| -> (usize, bool) {
        graph.fuse(mode, keep);
        let mut dispatches = graph.record_forward(mode);
        if mode == Mode::Train {
            dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
        }
        let plan = Plan::new(graph, dispatches, keep).unwrap();
        let written = plan.dispatches().iter().flat_map(|dispatch| dispatch.bindings());
        (plan.dispatches().len(), written.into_iter().any(|b| b.access.writes() && b.tensor == logits))
    };
    assert_eq!(writes(&mut graph, Mode::Infer, &[]), (2, false));
    assert_eq!(writes(&mut graph, Mode::Infer, &[logits]), (2, true));
    assert_eq!(writes(&mut graph, Mode::Train, &[]), (3, false));
    assert_eq!(writes(&mut graph, Mode::Train, &[logits]), (4, true));
}

/// Places of maxima are for the backward pass.
#[test]
fn places_are_only_written_where_they_are_read() {
    for mode in [Mode::Infer, Mode::Train] {
        let mut graph = graph();
        let y = add_convolution(&mut graph, 4);
        let y = graph.max_pool2d("pool", pool(4, 2, 2), y).unwrap();
        let dy = graph.input("dy", graph.tensor(y).shape.clone());
        graph.fuse(mode, &[]);
        let mut dispatches = graph.record_forward(mode);
        if mode == Mode::Train {
            dispatches.extend(graph.record_backward(&[(y, dy)], &[]).unwrap().0);
        }
        let plan = Plan::new(&graph, dispatches, &[y]).unwrap();
        let writes = plan.dispatches()[0].bindings().iter().filter(|binding| binding.access.writes()).count();
        assert_eq!(writes, if mode == Mode::Train { 2 } else { 1 });
    }
}

#[test]
fn a_gradient_of_what_was_fused_away_is_an_error() {
    let mut graph = graph();
    let y = add_convolution(&mut graph, 4);
    let z = graph.relu("relu", y).unwrap();
    let dy = graph.input("dy", graph.tensor(y).shape.clone());
    let dz = graph.input("dz", graph.tensor(z).shape.clone());
    assert!(graph.record_backward(&[(z, dz)], &[y]).is_ok());
    graph.fuse(Mode::Train, &[]);
    let error = GraphError::FusedAway { tensor: "conv".into() };
    assert_eq!(graph.record_backward(&[(y, dy)], &[]).unwrap_err(), error);
    assert_eq!(graph.record_backward(&[(z, dz)], &[y]).unwrap_err(), error);
    assert!(graph.record_backward(&[(z, dz)], &[]).is_ok());
    graph.fuse(Mode::Train, &[y]);
    assert!(graph.record_backward(&[(z, dz)], &[y]).is_ok());
}

fn batches(images: usize, classes: u32) -> Vec<Batch> {
    (0..3_usize)
        .map(|step| {
            let pixels = (0..8 * images).map(|i| (i * (31 + step) + i / 7) as u8).collect();
            Batch { pixels, labels: (0..8).map(|i| (i + step as u32) % classes).collect(), len: 8 - step }
        })
        .collect()
}

/// Loss, gradients and logits of a network are the same with and without fusion, within rounding; and there are fewer
/// dispatches.
#[test]
fn fusion_changes_no_result() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let odd = Sequential::new([19, 17, 3])
        .conv2d_with(6, [3, 2], [2, 1], Padding::Same)
        .relu()
        .max_pool2d_with([3, 3], [2, 2])
        .relu()
        .conv2d(8, 3)
        .max_pool2d(2)
        .relu()
        .flatten()
        .dense(70)
        .relu()
        .dense(5);
    for (model, images, classes) in [(Sequential::tutorial([32, 32, 3], 10), 32 * 32 * 3, 10), (odd, 19 * 17 * 3, 5)] {
        let results = [true, false].map(|fusion| {
            let build = BuildOptions { fusion, ..BuildOptions::default() };
            let options = Options { batch_size: 8, seed: 5, build, ..Options::default() };
            let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
            let mut gradients = Vec::new();
            for batch in batches(images, classes) {
                gpu.block_on(executor.train_step(&batch)).unwrap();
                gradients.push(gpu.block_on(executor.gradients()).unwrap());
            }
            let losses: Vec<f64> = gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss).collect();
            let dispatches = [executor.train_plan(), executor.infer_plan()].map(|plan| plan.dispatches().len());
            (losses, gradients, dispatches)
        });
        let [(fused_losses, fused, fewer), (losses, alone, more)] = results;
        assert!(fewer[0] < more[0] && fewer[1] < more[1], "{fewer:?} dispatches, {more:?} without fusion");
        for (step, (fused, alone)) in fused_losses.iter().zip(&losses).enumerate() {
            // Adam makes much of the rounding of small gradients.
            let limit = if step == 0 { 1e-5 } else { 1e-3 };
            assert!((fused / alone - 1.0).abs() < limit, "loss of step {step}: {fused}, without fusion {alone}");
        }
        for (fused, alone) in fused[0].iter().zip(&alone[0]) {
            let norm = alone.values.iter().map(|g| g * g).sum::<f32>().sqrt();
            let error = fused.values.iter().zip(&alone.values).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
            assert!(error <= 1e-4 * norm && norm > 0.0, "{}: {error} of {norm}", fused.name);
        }
    }
}

/// Two convolutions with batch normalization and relu, around which a connection leads.
struct Residual {
    graph: Graph,
    minibatch: TensorId,
    x: TensorId,
    dy: TensorId,
    y: TensorId,
    weights: Vec<TensorId>,
}

const MINIBATCH: [usize; 3] = [1, 1, 1];

impl Residual {
    fn new(micro_kernel: MicroKernel) -> Result<Self, GraphError> {
        let input = [4, 5, 6, 8];
        let target = Target::new(micro_kernel, 4);
        let mut graph = Graph::new(target);
        let minibatch = graph.minibatch(Minibatch::new(4, MINIBATCH));
        let x = graph.input("x", input);
        let mut weights = Vec::new();
        let mut layer = |graph: &mut Graph, name: &str, x: TensorId| {
            let convolution = Conv2d {
                input,
                filters: 8,
                kernel: [3, 3],
                stride: [1, 1],
                padding: Padding::Same,
                bias: false,
                relu: false,
            };
            let norm = BatchNorm::new(input);
            let w = graph.add_weights(name, convolution.variables(name))?;
            let moving = graph.add_weights("moving", norm.moving_variables("moving", 0.99))?;
            let gamma_beta = graph.add_weights("norm", norm.variables("norm"))?;
            weights.extend([w, moving, gamma_beta]);
            let y = graph.conv2d("conv", convolution, x, w)?;
            let inputs = BatchNormInputs { x: y, minibatch, moving, weights: Some(gamma_beta), added: None };
            graph.batch_norm("norm", norm, inputs)
        };
        let first = layer(&mut graph, "first", x)?;
        let first = graph.relu("relu", first)?;
        let second = layer(&mut graph, "second", first)?;
        let third = layer(&mut graph, "third", second)?;
        let sum = graph.add("add", first, third)?;
        let y = graph.relu("relu", sum)?;
        let dy = graph.input("dy", input);
        Ok(Self { graph, minibatch, x, dy, y, weights })
    }

    /// The number of dispatches, then the output, and in training all gradients.
    fn run(&mut self, gpu: &Arc<Gpu>, mode: Mode) -> Result<(usize, Vec<Vec<f32>>), wgrad::Error> {
        let graph = &mut self.graph;
        let mut dispatches = graph.record_forward(mode);
        let mut kept = vec![self.y];
        if mode == Mode::Train {
            let (backward, gradients) = graph.record_backward(&[(self.y, self.dy)], &[self.x])?;
            dispatches.extend(backward);
            kept.push(gradients[&self.x]);
        }
        let plan = Plan::new(graph, dispatches, &kept)?;
        let program = Program::new(gpu.clone(), graph, &[&plan], RuntimeChecks::default())?;
        program.fill_slots(f32::NAN);
        let step = Minibatch::new(4, MINIBATCH).encode(&Step::over(3), &[0; 4], &[0; 4], 4);
        program.write(graph, &plan, self.minibatch, bytemuck::cast_slice(&step.map_err(wgrad::Error::from)?))?;
        let values = |n: usize, from: f32| (0..n).map(|i| from + (i * 37 % 101) as f32 / 101.0).collect::<Vec<_>>();
        for (tensor, from) in [(self.x, -0.5), (self.dy, -0.4)] {
            program.write(graph, &plan, tensor, &values(graph.tensor(tensor).shape.elements(), from))?;
        }
        for (i, tensor) in self.weights.iter().enumerate() {
            // Variances must be positive.
            let from = if i % 3 == 0 { -0.5 } else { 0.25 };
            program.write(graph, &plan, *tensor, &values(graph.tensor(*tensor).shape.elements(), from))?;
        }
        program.run(0)?;
        let mut results = Vec::new();
        for tensor in kept {
            results.push(gpu.block_on(program.read(graph, &plan, tensor))?);
        }
        // Images that do not count.
        results.iter_mut().for_each(|values| values.truncate(3 * 5 * 6 * 8));
        if mode == Mode::Train {
            for variable in graph.variables().iter() {
                results.push(gpu.block_on(program.read_gradient(graph, &plan, variable))?);
            }
        }
        Ok((plan.dispatches().len(), results))
    }
}

#[test]
fn fusion_of_a_residual_network_changes_no_result() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for micro_kernel in [MicroKernel::Direct, gpu.default_micro_kernel()] {
        let mut network = Residual::new(micro_kernel).unwrap();
        for (mode, saved) in [(Mode::Train, 3), (Mode::Infer, 3)] {
            let (more, alone) = network.run(&gpu, mode).unwrap();
            network.graph.fuse(mode, &[network.y, network.x]);
            let (fewer, fused) = network.run(&gpu, mode).unwrap();
            assert!(fewer + saved <= more, "{mode:?}: {fewer} dispatches, {more} without fusion");
            for (i, (fused, alone)) in fused.iter().zip(&alone).enumerate() {
                let scale = alone.iter().fold(1e-6_f32, |scale, value| scale.max(value.abs()));
                for (fused, alone) in fused.iter().zip(alone) {
                    assert!((fused - alone).abs() <= 1e-4 * scale, "{mode:?}, result {i}: {fused}, {alone} of {scale}");
                }
            }
        }
    }
}

/// Values of a variable by its name, so that every normalization moves, scales and offsets its channels.
fn spread(name: &str, len: usize) -> Option<Vec<f32>> {
    let from = match name.rsplit('/').next()? {
        "gamma" | "moving_variance" => 0.5,
        "beta" | "moving_mean" => -0.5,
        _ => return None,
    };
    Some((0..len).map(|i| from + (i * 37 % 101) as f32 / 101.0).collect())
}

/// Deep networks, in which normalizations follow convolutions, depthwise convolutions and sums: with the same weights, logits
/// and gradients are those of the operations by themselves.
#[test]
fn fusion_of_deep_networks_changes_no_result() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let (size, classes) = (16, 5);
    for (name, width) in [("resnet20", 1.0), ("mobilenet_v2", 0.35), ("efficientnet_lite0", 1.0)] {
        let model = ZOO.iter().find(|model| model.name == name).unwrap();
        let model = model.build([size, size, 3], classes, width).unwrap();
        let results = [true, false].map(|fusion| {
            let build = BuildOptions { fusion, ..BuildOptions::default() };
            let options = Options { batch_size: 8, seed: 5, build, ..Options::default() };
            let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
            for variable in executor.graph().variables().iter() {
                if let Some(values) = spread(variable.name(), variable.shape().iter().product()) {
                    executor.program().write_variable(executor.graph(), Arena::Weights, variable, &values).unwrap();
                }
            }
            let batch = &batches(size * size * 3, classes as u32)[1];
            let logits = gpu.block_on(executor.logits(batch)).unwrap();
            gpu.block_on(executor.train_step(batch)).unwrap();
            let gradients = gpu.block_on(executor.gradients()).unwrap();
            let dispatches = [executor.infer_plan(), executor.train_plan()].map(|plan| plan.dispatches().len());
            (logits, gradients, dispatches)
        });
        let [(fused, fused_gradients, fewer), (alone, gradients, more)] = results;
        println!("{name}: {fewer:?} dispatches, {more:?} without fusion");
        assert!(2 * fewer[0] < more[0] && fewer[1] < more[1], "{fewer:?} dispatches, {more:?} without fusion");
        let largest = alone.iter().fold(0.0_f32, |largest, logit| largest.max(logit.abs()));
        let error = fused.iter().zip(&alone).fold(0.0_f32, |error, (a, b)| error.max((a - b).abs()));
        assert!(error <= 1e-5 * largest, "{name}: logits differ by {error} of {largest}");
        for (fused, alone) in fused_gradients.iter().zip(&gradients) {
            let norm = alone.values.iter().map(|g| g * g).sum::<f32>().sqrt();
            let error = fused.values.iter().zip(&alone.values).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt();
            assert!(error <= 1e-4 * norm, "{name}, {}: {error} of {norm}", fused.name);
        }
    }
}
