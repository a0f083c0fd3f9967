//! Plans, without a device: order, lives, memory, aliases, loop bounds.

use std::collections::{BTreeSet, HashMap, HashSet};

use wgrad::Shape;
use wgrad::graph::{
    Access, Algorithm, Arena, BufferKey, Dispatch, Graph, GraphError, Home, Inputs, Mode, Operation, Plan, PlanError,
    ProductChoice, Recorder, Sink, Target, TensorId, Tuning, Variable, Winograd,
};
use wgrad::kernel::{MicroKernel, Wgsl};
use wgrad::minibatch::Minibatch;
use wgrad::model::zoo::ZooModel;
use wgrad::model::{Activation, BuildOptions, Network, Sequential};
use wgrad::ops::{BatchNorm, BatchNormInputs, Conv2d, Conv2dMaxPool2d, Dense, GroupNorm, Padding};
use wgrad::optim::Optimizer;

fn target(micro_kernel: MicroKernel) -> Target {
    Target::new(micro_kernel, 8)
}

fn training(model: &Network, batch: usize, micro_kernel: MicroKernel) -> (Graph, Plan) {
    training_for(model, batch, target(micro_kernel))
}

fn training_for(model: &Network, batch: usize, target: Target) -> (Graph, Plan) {
    let (graph, dispatches) = recorded(model, batch, target);
    let plan = Plan::new(&graph, dispatches, &[]).unwrap();
    (graph, plan)
}

fn recorded(model: &Network, batch: usize, target: Target) -> (Graph, Vec<Dispatch>) {
    let built = model.build(batch, target).unwrap();
    let mut graph = built.graph;
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
    dispatches.extend(Optimizer::default().record(&mut graph, built.minibatch).unwrap().0);
    (graph, dispatches)
}

fn models() -> [Sequential; 2] {
    let odd = Sequential::new([33, 29, 3])
        .rescaling(1.0 / 255.0)
        .conv2d_with(12, [5, 5], [2, 2], Padding::Same)
        .relu()
        .max_pool2d_with([3, 3], [2, 2])
        .conv2d(10, 3)
        .flatten()
        .dense(20)
        .relu()
        .dense(10);
    [Sequential::tutorial([32, 32, 3], 10), odd]
}

/// Replays a plan buffer by buffer. Each read must find the tensor that it names, and not one that got the slot later.
#[test]
fn every_read_finds_its_tensor() {
    for model in models() {
        for micro_kernel in MicroKernel::ALL {
            let (graph, plan) = training(&model, 4, micro_kernel);
            let mut tenant = HashMap::new();
            for dispatch in plan.dispatches() {
                for binding in dispatch.bindings().iter().filter(|binding| binding.access != Access::Write) {
                    let root = graph.root(binding.tensor);
                    let key = plan.memory(&graph, binding);
                    if matches!(key, BufferKey::Slot(..)) {
                        let name = &graph.tensor(root).name;
                        assert_eq!(tenant.get(&key), Some(&root), "{} reads {name}", dispatch.name());
                    }
                }
                for binding in dispatch.bindings().iter().filter(|binding| binding.access.writes()) {
                    let root = graph.root(binding.tensor);
                    tenant.insert(plan.buffer(&graph, root), root);
                    tenant.extend(plan.image_copy(&graph, root).map(|image| (image, root)));
                }
            }
        }
    }
}

/// First and last use of each tensor in a slot.
fn lives(graph: &Graph, plan: &Plan) -> HashMap<TensorId, (usize, usize)> {
    let mut lives: HashMap<_, (usize, usize)> = HashMap::new();
    for (i, dispatch) in plan.dispatches().iter().enumerate() {
        for binding in dispatch.bindings() {
            let root = graph.root(binding.tensor);
            if graph.tensor(root).home == Home::Slot {
                lives.entry(root).or_insert((i, i)).1 = i;
            }
        }
    }
    lives
}

#[test]
fn no_two_live_tensors_share_a_slot() {
    for model in models() {
        let (graph, plan) = training(&model, 4, MicroKernel::Tile);
        let lives = lives(&graph, &plan);
        for (a, (a_first, a_last)) in &lives {
            assert!(plan.slot_bytes()[plan.slots()[a]] >= graph.tensor(*a).bytes());
            for (b, (b_first, b_last)) in &lives {
                let overlap = a_first <= b_last && b_first <= a_last;
                assert!(a == b || !overlap || plan.slots()[a] != plan.slots()[b]);
            }
        }
    }
}

#[test]
fn slots_are_reused() {
    let (graph, plan) = training(&models()[0], 32, MicroKernel::Tile);
    let tensors: u64 = plan.slots().keys().map(|tensor| graph.tensor(*tensor).bytes()).sum();
    let slots: u64 = plan.slot_bytes().iter().sum();
    assert!(slots * 10 < tensors * 8, "{slots} bytes of slots for {tensors} of tensors");
}

/// Slots take at most a fifth more than what lives at once where that is most. A step in place would save nothing there: after the
/// forward pass, nothing dies.
#[test]
fn slots_hold_little_more_than_what_lives() {
    for (name, size) in [("resnet20", 32), ("mobilenet_v2", 96)] {
        let model = ZooModel::named(name, [size, size, 3], 10).unwrap().unwrap();
        let (graph, plan) = training(&model, 32, MicroKernel::Direct);
        let lives = lives(&graph, &plan);
        let bytes_at = |i: usize| -> u64 {
            let alive = lives.iter().filter(|(_, (first, last))| (*first..=*last).contains(&i));
            alive.map(|(tensor, _)| graph.tensor(*tensor).bytes()).sum()
        };
        let most = (0..plan.dispatches().len()).map(bytes_at).max().unwrap();
        let slots: u64 = plan.slot_bytes().iter().sum();
        assert!(slots <= most + most / 5, "{name}: {slots} bytes of slots for {most}");
    }
}

/// The gradient of relu6 comes from its output, so that its input dies at once.
#[test]
fn the_input_of_relu6_lives_no_longer_than_its_forward_pass() {
    let model = Sequential::new([8, 8, 3]).conv2d(6, 3).activation(Activation::Relu6).flatten().dense(3);
    let (graph, plan) = training(&model, 4, MicroKernel::Direct);
    let lives = lives(&graph, &plan);
    let of_convolution = lives.iter().filter(|(id, _)| graph.tensor(**id).name == "conv2d").map(|(_, life)| *life);
    assert!(of_convolution.collect::<Vec<_>>().contains(&(1, 2)), "{:?}", plan.dispatches()[2].name());
}

#[test]
fn dispatches_stand_in_the_order_of_the_layers() {
    let (_, plan) = training(&models()[0], 32, MicroKernel::Tile);
    let names: Vec<&str> = plan.dispatches().iter().map(|dispatch| dispatch.name()).collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no {name} in {names:?}"));
    let order = [
        "images",
        "conv2d + max_pooling2d",
        "conv2d_1 + max_pooling2d_1",
        "conv2d_2",
        "dense",
        "dense_1 + loss",
        "dense_1 dw",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{names:?}");
    assert!(at("conv2d_1 dw") < at("conv2d dw") && at("conv2d dw") < at("update"));
    assert_eq!(names.last(), Some(&"update"));
}

#[test]
fn the_first_layer_has_no_input_gradient() {
    let (_, plan) = training(&models()[0], 32, MicroKernel::Tile);
    assert!(plan.dispatches().iter().all(|dispatch| dispatch.name() != "d images"));
}

/// Nothing but the optimizer adds up the parts of a gradient.
#[test]
fn a_training_step_has_at_most_17_dispatches() {
    for micro_kernel in MicroKernel::ALL {
        for busy_workgroups in [8, 256] {
            let target = Target { busy_workgroups, ..target(micro_kernel) };
            let (_, plan) = training_for(&models()[0], 32, target);
            let names = plan.dispatches().iter().map(|dispatch| dispatch.name());
            // llvmpipe's loops over lines read packed weights: of three layers forward, and of two for the gradients of
            // their inputs.
            let (packed, names): (Vec<&str>, Vec<&str>) = names.partition(|name| name.ends_with(", packed"));
            assert!(packed.len() <= 5, "{packed:?}");
            assert!(names.len() <= 17, "{micro_kernel}, {busy_workgroups}: {names:?}");
            assert!(names.iter().all(|name| !name.contains("sum of parts")), "{names:?}");
        }
    }
}

/// Dispatches run as one if none needs another, or if each workgroup needs only what it made itself; and none is lost.
/// Where tensors live in images, none are joined.
#[test]
fn dispatches_of_a_training_step_are_joined() {
    let by_size = Target { by_size: true, busy_workgroups: 256, ..target(MicroKernel::Tile) };
    for (target, most) in [(target(MicroKernel::Direct), 11), (by_size, 9), (target(MicroKernel::Broadcast64x16), 20)] {
        let (graph, dispatches) = recorded(&models()[0], 32, target);
        let plan = Plan::joined(&graph, dispatches.clone(), &[]).unwrap();
        let names = |dispatches: &[Dispatch]| dispatches.iter().map(|d| d.name().to_owned()).collect::<Vec<_>>();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let members: Vec<Dispatch> = plan.dispatches().iter().flat_map(Dispatch::members).cloned().collect();
        assert_eq!(sorted(names(&members)), sorted(names(&dispatches)));
        assert!(plan.dispatches().len() <= most, "{:?}", names(plan.dispatches()));
        for joined in plan.dispatches().iter().filter(|dispatch| dispatch.members().len() > 1) {
            let workgroups = |d: &Dispatch| d.kernel().grid.iter().map(|n| u64::from(*n)).product::<u64>();
            let bindings: BTreeSet<u32> = joined.bindings().iter().map(|binding| binding.index).collect();
            assert_eq!(bindings.len(), joined.bindings().len(), "{}", joined.name());
            let [written, read] = [true, false].map(|writes| {
                let bindings = joined.bindings().iter().filter(|binding| binding.access.writes() == writes);
                bindings.map(|binding| graph.root(binding.tensor)).collect::<Vec<_>>()
            });
            assert!(written.iter().all(|tensor| !read.contains(tensor)), "{}", joined.name());
            let of_members = joined.members().iter().flat_map(|member| member.bindings().to_vec());
            let passed_on =
                of_members.filter(|b| !b.access.writes() && written.contains(&graph.root(b.tensor))).count();
            assert_eq!(
                joined.bindings().len() + passed_on,
                joined.members().iter().map(|d| d.bindings().len()).sum::<usize>()
            );
            if passed_on > 0 {
                assert!(joined.members().iter().all(|member| workgroups(member) == workgroups(joined)));
            } else {
                assert_eq!(workgroups(joined), joined.members().iter().map(workgroups).sum::<u64>());
            }
        }
    }
}

/// The parts of all gradients lie in the arena of gradients, do not overlap, and start where a binding may start.
#[test]
fn parts_of_gradients_do_not_overlap() {
    for model in models() {
        let (graph, _) = training_for(&model, 32, Target { busy_workgroups: 256, ..target(MicroKernel::Tile) });
        let mut end = graph.chunks()[0].len;
        let gradients: BTreeSet<TensorId> = graph.variables().iter().map(Variable::gradient).collect();
        let mut ranges: Vec<(usize, usize)> = (gradients.into_iter())
            .map(|gradient| graph.tensor(graph.gradient_parts(gradient).0))
            .map(|tensor| match tensor.home {
                Home::Arena(Arena::Gradients, place) => (place.first, tensor.shape.padded_elements()),
                home => panic!("{} is in {home:?}", tensor.name),
            })
            .filter(|(offset, _)| *offset >= end)
            .collect();
        assert!(ranges.len() >= 2);
        ranges.sort_unstable();
        for (offset, len) in ranges {
            assert!(offset >= end && offset % 64 == 0);
            end = offset + len;
        }
        assert!(end <= graph.chunks()[0].gradients_len);
    }
}

/// A convolution by 1 x 1 to four channels.
fn pointwise(input: [usize; 4]) -> Conv2d {
    Conv2d { input, filters: 4, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: true, relu: false }
}

/// The gradient is the sum over both uses, so the parts of each use have to be added up first.
#[test]
fn a_parameter_used_twice_has_its_parts_added_up() {
    let mut graph = Graph::new(target(MicroKernel::Direct));
    let geometry = pointwise([8, 16, 16, 4]);
    let x = graph.input("x", [8, 16, 16, 4]);
    let w = graph.add_weights("layer", geometry.variables("layer")).unwrap();
    let y = graph.conv2d("y", geometry, x, w).unwrap();
    let z = graph.conv2d("z", geometry, y, w).unwrap();
    let dz = graph.input("dz", [8, 16, 16, 4]);
    let (dispatches, _) = graph.record_backward(&[(z, dz)], &[]).unwrap();
    let sums = dispatches.iter().filter(|dispatch| dispatch.name().ends_with("= sum of parts")).count();
    let gradient = graph.variables()[0].gradient();
    assert_eq!((sums, graph.gradient_parts(gradient)), (2, (gradient, 1)));
}

/// A layer behind a pooled convolution writes the gradient of the cells itself. Only a gradient that comes from above needs
/// a dispatch of its own for that.
#[test]
fn the_gradient_of_pooled_cells_is_the_next_layers_work() {
    for micro_kernel in MicroKernel::ALL {
        for (pooled_again, expected) in [(true, 1), (false, 0)] {
            let mut graph = Graph::new(target(micro_kernel));
            let x = graph.input("x", [2, 8, 8, 4]);
            let first = pointwise([2, 8, 8, 4]);
            let w = graph.add_weights("first", first.variables("first")).unwrap();
            let y = graph.add_node("first", Conv2dMaxPool2d { convolution: first }, &[x, w]).unwrap();
            let z = if pooled_again {
                let second = pointwise([2, 4, 4, 4]);
                let w = graph.add_weights("second", second.variables("second")).unwrap();
                graph.add_node("second", Conv2dMaxPool2d { convolution: second }, &[y, w])
            } else {
                let dense = Dense { input: [2, 64], units: 6, bias: true, relu: false };
                let w = graph.add_weights("second", dense.variables("second")).unwrap();
                let rows = graph.flatten("flat", y).unwrap();
                graph.dense("second", dense, rows, w)
            }
            .unwrap();
            let dz = graph.input("dz", graph.tensor(z).shape.clone());
            let (dispatches, _) = graph.record_backward(&[(z, dz)], &[x]).unwrap();
            let alone =
                dispatches.iter().filter(|dispatch| dispatch.kernel().name.contains("epilogue/scatter")).count();
            assert_eq!(alone, expected, "{micro_kernel}");
        }
    }
}

/// An operation that does what no operation should.
#[derive(Debug)]
enum Faulty {
    ReadsWhatNothingWrote,
    WritesItsInput,
}

impl Operation for Faulty {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[4].into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let source = Wgsl::new("faulty", "fn element(i: u32) -> vec4<f32> { return read_a(i); }");
        let (a, c) = match self {
            Self::ReadsWhatNothingWrote => (recorder.temporary("never", [4]), outputs[0]),
            Self::WritesItsInput => (inputs[0], inputs[0]),
        };
        recorder.dispatch("y").a(a).c(c).source(source).elementwise(&[4].into(), 0).record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

#[test]
fn a_read_before_a_write_is_refused() {
    let mut graph = Graph::new(target(MicroKernel::Direct));
    let x = graph.input("x", [4]);
    graph.add_node("y", Faulty::ReadsWhatNothingWrote, &[x]).unwrap();
    let dispatches = graph.record_forward(Mode::Infer);
    let error = Plan::new(&graph, dispatches, &[]).unwrap_err();
    assert_eq!(error, PlanError::ReadBeforeWrite { dispatch: "y".into(), tensor: "never".into() });
}

#[test]
fn a_read_and_a_write_of_one_buffer_are_refused() {
    let mut graph = Graph::new(target(MicroKernel::Direct));
    let x = graph.input("x", [4]);
    graph.add_node("y", Faulty::WritesItsInput, &[x]).unwrap();
    let dispatches = graph.record_forward(Mode::Infer);
    assert!(matches!(Plan::new(&graph, dispatches, &[]), Err(PlanError::Alias { .. })));
}

/// A dispatch fits only the graph that it was recorded for: the tensors of another one may be smaller.
#[test]
fn a_dispatch_of_another_graph_is_refused() {
    let graph = |elements: usize| {
        let mut graph = Graph::new(target(MicroKernel::Direct));
        let x = graph.input("x", [elements]);
        graph.relu("y", x).unwrap();
        graph
    };
    let dispatches = graph(1 << 20).record_forward(Mode::Infer);
    let error = Plan::new(&graph(4), dispatches, &[]).unwrap_err();
    assert_eq!(error, PlanError::OtherGraph { dispatch: "y".into() });
}

#[test]
fn a_loop_that_llvmpipe_would_cut_short_is_refused() {
    let mut graph = Graph::new(target(MicroKernel::Tile));
    let geometry = pointwise([1, 1, 1, 90_000]);
    let x = graph.input("x", [1, 1, 1, 90_000]);
    let w = graph.add_weights("layer", geometry.variables("layer")).unwrap();
    graph.conv2d("y", geometry, x, w).unwrap();
    let dispatches = graph.record_forward(Mode::Infer);
    assert!(matches!(Plan::new(&graph, dispatches, &[]), Err(PlanError::Loop { .. })));
}

#[test]
fn grids_fold_past_one_dimension() {
    for (workgroups, grid) in [(1, [1, 1, 2]), (65_535, [65_535, 1, 2]), (65_536, [32_768, 2, 2])] {
        assert_eq!(wgrad::kernel::fold_grid(workgroups, 2), grid);
    }
    let [x, y, _] = wgrad::kernel::fold_grid(200_001, 1);
    assert!(x <= 65_535 && x * y >= 200_001 && x * (y - 1) < 200_001);
    // With 8,192 images, the first convolution of the tutorial needs more workgroups than one dimension has.
    let (_, plan) = training(&models()[0], 8192, MicroKernel::Direct);
    assert!(plan.dispatches().iter().any(|dispatch| dispatch.kernel().grid[1] > 1));
}

/// Forward and backward dispatches of a normalization of `shape` with a trained gamma and beta.
fn normalization(shape: [usize; 4], groups: Option<usize>) -> [Vec<String>; 2] {
    let mut graph = Graph::new(target(MicroKernel::Tile));
    let minibatch = graph.minibatch(Minibatch::new(shape[0], [0; 3]));
    let x = graph.input("x", shape);
    let geometry = BatchNorm::new(shape);
    let weights = graph.add_weights("weights", geometry.variables("y")).unwrap();
    let moving = graph.add_weights("moving", geometry.moving_variables("y", 0.99)).unwrap();
    let y = match groups {
        None => {
            let inputs = BatchNormInputs { x, minibatch, moving, weights: Some(weights), added: None };
            graph.batch_norm("y", geometry, inputs)
        }
        Some(groups) => graph.group_norm("y", GroupNorm { groups, ..GroupNorm::new(shape) }, x, Some(weights)),
    };
    let dy = graph.input("dy", shape);
    let forward = graph.record_forward(Mode::Train);
    let (backward, _) = graph.record_backward(&[(y.unwrap(), dy)], &[x]).unwrap();
    let names = [&forward, &backward].map(|dispatches| dispatches.iter().map(|d| d.name().to_owned()).collect());
    // No loop is too long, and no grid too wide.
    Plan::new(&graph, [forward, backward].concat(), &[]).unwrap();
    names
}

#[test]
fn a_normalization_takes_few_dispatches_of_short_loops() {
    for shape in [[1, 1, 1, 1], [32, 32, 32, 16], [128, 224, 224, 64], [1, 20_000, 20_000, 1], [4, 2, 2, 70_000]] {
        let [forward, backward] = normalization(shape, None);
        assert_eq!((forward.len(), backward.len()), (2, 2), "{shape:?}: {forward:?}, {backward:?}");
    }
    for shape in [[32, 32, 32, 16], [32, 224, 224, 64]] {
        let [forward, backward] = normalization(shape, Some(8));
        assert_eq!((forward.len(), backward.len()), (1, 3), "{shape:?}: {forward:?}, {backward:?}");
    }
}

/// Layers that differ only in their sizes share pipelines, so that a deep network compiles about as many as a small one.
#[test]
fn deep_networks_share_pipelines() {
    for (name, size, most) in [("resnet20", 32, 60), ("mobilenet_v2", 96, 60)] {
        let network = ZooModel::named(name, [size, size, 3], 10).unwrap().unwrap();
        for micro_kernel in MicroKernel::ALL {
            let (_, plan) = training(&network, 32, micro_kernel);
            let pipelines = plan.dispatches().iter().map(Dispatch::recipe).collect::<HashSet<_>>().len();
            let dispatches = plan.dispatches().len();
            assert!(dispatches > 2 * pipelines && pipelines <= most, "{name}: {pipelines} of {dispatches}");
        }
    }
}

/// A loop that was measured to be best for one algorithm says nothing about another.
#[test]
fn a_choice_counts_for_its_algorithm_only() {
    let network: Network = Sequential::new([8, 8, 4]).conv2d(4, 3).flatten().dense(2).into();
    let product = |tuning: Tuning, winograd| {
        let options = BuildOptions { tuning, winograd, ..BuildOptions::default() };
        let mut graph = network.build_with(8, target(MicroKernel::Tile), options).unwrap().graph;
        let dispatches = graph.record_forward(Mode::Infer);
        let mut products = dispatches.iter().filter_map(Dispatch::product);
        products.find(|product| product.key.starts_with("forward of 8 x 8 x 8 x 4 by 3 x 3")).unwrap().clone()
    };
    let rule = product(Tuning::default(), Winograd::Never);
    let measured = ProductChoice { kernel: MicroKernel::Direct, parts: 1, algorithm: Algorithm::Winograd };
    // For this batch size, and for another, from which it carries over.
    for images in [8, 16] {
        let mut tuning = Tuning::default();
        tuning.insert(rule.key.replacen("of 8", &format!("of {images}"), 1), measured);
        assert_eq!(product(tuning.clone(), Winograd::WhereFaster).choice, measured);
        assert_eq!(product(tuning, Winograd::Never).choice, rule.choice);
    }
}
