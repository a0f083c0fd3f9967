//! naga accepts every shader with every set of constants that is in use, and the shader has the bindings that the dispatch
//! names.

use std::collections::BTreeSet;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ImageClass, StorageAccess, TypeInner};
use wgrad::exec::Ceiling;
use wgrad::graph::{
    Access, Binding, Dispatch, Graph, GraphError, Initializer, Mode, Plan, Regularizer, Role, Target, TensorId,
    VariableSpec, Winograd,
};
use wgrad::kernel::{MicroKernel, NUMBERS_BINDING, Precision, Storage};
use wgrad::minibatch::{Minibatch, Step};
use wgrad::model::{Activation, BuildOptions, Built, Sequential};
use wgrad::ops::{
    ActivationFunction, Augmentation, BatchNorm, BatchNormInputs, Conv2d, Conv2dMaxPool2d, Conv2dTranspose,
    DepthwiseConv2d, GroupNorm, GroupedConv2d, Interpolation, LayerNorm, Padding, Parametric, ParametricFunction,
    Pool2d,
};
use wgrad::optim::{Form, Lookahead, Muon, Optimizer, Penalties, RmsProp, Rule, Sgd};

/// Every rule, with all slots of its state and with none.
fn optimizers() -> [Optimizer; 5] {
    let adam = Optimizer::default();
    let rules = [
        Rule::Sgd(Sgd::default()),
        Rule::Sgd(Sgd { momentum: 0.9, nesterov: true, form: Form::PyTorch }),
        Rule::RmsProp(RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() }),
    ];
    let [plain, momentum, rmsprop] = rules.map(|rule| Optimizer { rule, ..adam.clone() });
    let lookahead = Some(Lookahead::default());
    let muon = Optimizer { rule: Rule::Muon(Muon::default()), lookahead, ..adam.clone() };
    [Optimizer { average: Some(0.9), ..adam }, plain, momentum, Optimizer { clip_norm: Some(1.0), ..rmsprop }, muon]
}

/// Networks that use each operation with aligned and odd channels.
fn dispatches(micro_kernel: MicroKernel) -> Vec<Dispatch> {
    let odd = Sequential::new([19, 17, 3])
        .rescaling(1.0 / 255.0)
        .relu()
        .conv2d_with(6, [3, 2], [2, 1], Padding::Same)
        .relu()
        .rescaling(0.5)
        .max_pool2d_with([3, 3], [2, 2])
        .activation(Activation::Gelu)
        .average_pool2d(2)
        .dropout(0.5)
        .flatten()
        .dense(11)
        .relu()
        .dense(7)
        .activation(Activation::Tanh)
        .dense(6)
        .activation(Activation::Sigmoid)
        .dense(5);
    let lines_of_eight = Sequential::new([8, 8, 3])
        .conv2d_with(5, [3, 3], [1, 1], Padding::Same)
        .conv2d_with(4, [3, 3], [1, 1], Padding::Same)
        .flatten()
        .dense(3);
    let mut all = Vec::new();
    let tutorial = Sequential::tutorial([32, 32, 3], 10);
    let models = [(tutorial, u64::MAX, 0), (odd, 100_000, 7), (lines_of_eight, u64::MAX, 0)];
    for (model, most_flops, held_images) in models {
        let shared_memory = held_images > 0;
        let target = Target { most_flops, shared_memory, ..Target::new(micro_kernel, 64) };
        let augmentation = Augmentation { flip: true, crop: 2, cutout: 3 };
        let options = BuildOptions { augmentation, held_images, ..BuildOptions::default() };
        let built = model.build_with(5, target, options).unwrap();
        let mut graph = built.graph;
        let x = graph.input("x", [3, 3]);
        let y = graph.add("sum", x, x).unwrap();
        // The gradient of a parameter that is added is copied into its place.
        let w = graph
            .add_weights("added", vec![VariableSpec::kernel("added", vec![4, 3]).regularized(Regularizer::l2(0.1))])
            .unwrap();
        let v = graph.input("v", [16]);
        let z = graph.add("sum", v, w).unwrap();
        let dz = graph.input("dz", [16]);
        let dy = graph.input("dy", [3, 3]);
        for fused in [false, true] {
            if fused {
                graph.fuse(Mode::Train, &[]);
                graph.fuse(Mode::Infer, &[built.logits]);
            }
            all.extend(graph.record_forward(Mode::Train));
            all.extend(graph.record_backward(&[(y, dy), (z, dz)], &[x]).unwrap().0);
            all.extend(graph.record_forward(Mode::Infer));
        }
        let penalties = Penalties::new(&mut graph).unwrap();
        for mode in [Mode::Train, Mode::Infer] {
            all.extend(penalties.record(&mut graph, mode, built.minibatch, built.loss).unwrap());
        }
        for optimizer in optimizers() {
            let (update, table) = optimizer.record(&mut graph, built.minibatch).unwrap();
            all.extend(update);
            all.extend(table.record_norm(&mut graph).0);
        }
        let optimizer = Optimizer { accumulate: 2, ..Optimizer::default() };
        let accumulation = optimizer.record_accumulation(&mut graph, built.minibatch).unwrap();
        all.extend(accumulation.accumulate);
        all.extend(accumulation.update);
    }
    // A parameter is used twice, so that the optimizer can't add up the parts of its gradient. The gradient of the last relu
    // comes from above, so that it needs a dispatch of its own.
    let geometry = Conv2d {
        input: [8, 16, 16, 4],
        filters: 4,
        kernel: [1, 1],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
        relu: true,
    };
    let mut graph = Graph::new(Target::new(micro_kernel, 64));
    let x = graph.input("x", geometry.input);
    let w = graph.add_weights("layer", geometry.variables("layer")).unwrap();
    let y = graph.conv2d("y", geometry, x, w).unwrap();
    let z = graph.conv2d("z", geometry, y, w).unwrap();
    let dz = graph.input("dz", geometry.input);
    // A loss whose logits do not come from a dense layer.
    let minibatch = graph.minibatch(Minibatch::new(3, [0; 3]));
    let logits = graph.input("logits", [3, 5]);
    graph.softmax_cross_entropy(logits, minibatch, 0.1).unwrap();
    all.extend(graph.record_forward(Mode::Train));
    all.extend(graph.record_backward(&[(z, dz)], &[logits]).unwrap().0);
    all.extend(graph.record_forward(Mode::Infer));
    let mut graph = Graph::new(Target::new(micro_kernel, 64));
    let minibatch = graph.minibatch(Minibatch::new(3, [0; 3]));
    let logits = graph.input("logits", [3, 1]);
    graph.binary_cross_entropy(logits, minibatch, 0.1).unwrap();
    all.extend(graph.record_backward(&[], &[logits]).unwrap().0);
    all.extend(graph.record_forward(Mode::Infer));
    all.extend(operations(Target::new(micro_kernel, 64)).unwrap());
    for precision in [Precision::F32, Precision::F16] {
        all.extend(in_parts(micro_kernel, precision));
    }
    all.extend(half(micro_kernel));
    all.extend(in_tiles(micro_kernel).unwrap());
    let mut graph = Graph::new(Target { storage: Storage::Buffers, ..Target::new(micro_kernel, 64) });
    all.extend(Ceiling::record(&mut graph, true).dispatches);
    all.extend(normalizations(micro_kernel));
    all.extend([64, 96, 192, 256].into_iter().flat_map(|channels| normalization_of(micro_kernel, channels)));
    all.extend(normalized_convolutions(micro_kernel).unwrap());
    all
}

/// A training step in 16 bits.
fn half(micro_kernel: MicroKernel) -> Vec<Dispatch> {
    let target = Target { precision: Precision::F16, ..Target::new(micro_kernel, 64) };
    let tutorial = Sequential::tutorial([32, 32, 3], 10).kernel_regularizer(Regularizer::l2(0.1));
    let Built { mut graph, minibatch, loss, .. } = tutorial.build(5, target).unwrap();
    let mut all = graph.record_forward(Mode::Train);
    all.extend(graph.record_backward(&[], &[]).unwrap().0);
    let penalties = Penalties::new(&mut graph).unwrap();
    all.extend(penalties.record(&mut graph, Mode::Train, minibatch, loss).unwrap());
    all.extend(Optimizer::default().record(&mut graph, minibatch).unwrap().0);
    all
}

/// A network whose activations are larger than a binding and some than an image.
fn in_parts(micro_kernel: MicroKernel, precision: Precision) -> Vec<Dispatch> {
    let target = Target { precision, binding_bytes: 40 << 8, image_bytes: 20_000, ..Target::new(micro_kernel, 64) };
    let mut graph = Sequential::tutorial([32, 32, 3], 10).build(1, target).unwrap().graph;
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
    let plan = Plan::new(&graph, dispatches, &[]).unwrap();
    let parts: BTreeSet<u32> =
        plan.dispatches().iter().flat_map(|dispatch| dispatch.bindings().iter().map(|binding| binding.parts)).collect();
    // A tensor of 16 bits that fits a binding has one part, and otherwise as many as one of 32 bits.
    let counts = match (precision, micro_kernel.lanes()) {
        // There, the gradient of a convolution behind max pooling has only what the pooling kept.
        (_, Some(8)) => [1, 1, 3],
        (Precision::F32, _) => [1, 2, 3],
        (Precision::F16, _) => [1, 3, 4],
    };
    assert!(counts.iter().all(|count| parts.contains(count)), "{micro_kernel}: {parts:?}");
    let mut all = plan.dispatches().to_vec();
    let mut graph = Graph::new(Target { most_buffers: 8, ..target });
    let minibatch = graph.minibatch(Minibatch::new(4, [0; 3]));
    let shape = [4, 20, 20, 8];
    let moving = graph.input("moving", [72]);
    let input = graph.input("input", shape);
    let x = graph.add("x", input, input).unwrap();
    let inputs = BatchNormInputs { x, minibatch, moving, weights: None, added: Some(x) };
    let y =
        graph.batch_norm("y", BatchNorm { scale: false, center: false, added: true, ..BatchNorm::new(shape) }, inputs);
    let dy = graph.input("dy", shape);
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[(y.unwrap(), dy)], &[x]).unwrap().0);
    all.extend(Plan::new(&graph, dispatches, &[]).unwrap().dispatches().to_vec());
    all
}

/// Convolutions by Winograd's algorithm.
fn in_tiles(micro_kernel: MicroKernel) -> Result<Vec<Dispatch>, GraphError> {
    let mut graph = Graph::new(Target { winograd: Winograd::Always, ..Target::new(micro_kernel, 64) });
    let kernel = ([3, 3], [1, 1], Padding::Same);
    let geometry = |input, filters| {
        let (kernel, stride, padding) = kernel;
        Conv2d { input, filters, kernel, stride, padding, bias: filters < 20, relu: true }
    };
    let [first, second, third] = [geometry([2, 9, 8, 6], 5), geometry([2, 9, 8, 5], 7), geometry([2, 4, 4, 7], 20)];
    let x = graph.input("x", first.input);
    let weights = [first, second, third].map(|geometry| graph.add_weights("layer", geometry.variables("layer")));
    let [w, v, u] = weights;
    let y = graph.conv2d("y", first, x, w?)?;
    let z = graph.add_node("z", Conv2dMaxPool2d { convolution: second }, &[y, v?])?;
    let end = graph.conv2d("end", third, z, u?)?;
    let dy = graph.input("dy", third.output());
    let mut recorded = graph.record_forward(Mode::Train);
    recorded.extend(graph.record_backward(&[(end, dy)], &[x])?.0);
    // A plan stores some results to buffers.
    let mut all = Plan::new(&graph, recorded.clone(), &[]).unwrap().dispatches().to_vec();
    all.extend(recorded);
    let kernels: BTreeSet<&str> = all.iter().map(|dispatch| dispatch.kernel().name.as_str()).collect();
    assert_eq!(kernels.iter().filter(|name| name.contains("winograd/output")).count(), 2, "{kernels:?}");
    Ok(all)
}

/// Operations that no layer of those networks uses, forward and backward.
fn operations(target: Target) -> Result<Vec<Dispatch>, GraphError> {
    let mut graph = Graph::new(target);
    let input = [2, 9, 8, 6];
    let x = graph.input("x", input);
    let mut ends: Vec<TensorId> = Vec::new();
    for (multiplier, size, stride, bias, len) in [
        (1, 3, [1, 1], false, 72),
        (1, 3, [2, 2], true, 136),
        (1, 5, [1, 1], false, 200),
        (1, 5, [2, 2], false, 200),
        (3, 3, [1, 2], true, 212),
    ] {
        let kernel = [size, size];
        let geometry = DepthwiseConv2d { input, multiplier, kernel, stride, padding: Padding::Same, bias };
        let w = graph.input("w", [len]);
        ends.push(graph.depthwise_conv2d("depthwise", geometry, x, w)?);
    }
    for (groups, filters, stride, dilation) in
        [(1, 5, [1, 1], [2, 3]), (2, 4, [2, 1], [1, 1]), (3, 12, [1, 1], [1, 1]), (6, 6, [1, 1], [2, 2])]
    {
        let (kernel, padding, bias) = ([3, 3], Padding::Same, groups < 6);
        let geometry = GroupedConv2d { input, filters, kernel, stride, dilation, groups, padding, bias };
        let w = graph.add_weights("grouped", geometry.variables(&format!("grouped {groups}")))?;
        ends.push(graph.grouped_conv2d("grouped", geometry, x, w)?);
    }
    let [_, h, width, _] = input;
    let (kernel, stride, padding) = ([3, 3], [2, 2], Padding::Same);
    let geometry = Conv2dTranspose { input, filters: 5, output: [2 * h, 2 * width], kernel, stride, padding };
    let w = graph.add_weights("transposed", geometry.variables("transposed"))?;
    ends.push(graph.conv2d_transpose("transposed", geometry, x, w)?);
    for function in [ParametricFunction::Scale, ParametricFunction::Offset, ParametricFunction::Prelu] {
        let name = format!("{function:?}");
        let w = Parametric::variable(&name, "w", vec![input[3]], Initializer::Zeros);
        let w = graph.add_weights(&name, vec![w])?;
        ends.push(graph.parametric(&name, function, &input[3..], [x, w])?);
    }
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        ends.push(graph.up_sampling2d("larger", [2, 3], interpolation, x)?);
    }
    let pool = Pool2d { input, window: [3, 3], stride: [2, 2], padding: Padding::Same };
    ends.push(graph.max_pool2d("max", pool, x)?);
    ends.push(graph.average_pool2d("average", pool, x)?);
    ends.push(graph.reshape("reshaped", [9, 96], x)?);
    ends.push(graph.zero_padding2d("padded", [[0, 1], [2, 3]], x)?);
    ends.push(graph.cropping2d("cropped", [[0, 1], [2, 3]], x)?);
    for function in [
        ActivationFunction::RELU6,
        ActivationFunction::Silu,
        ActivationFunction::HardSigmoid,
        ActivationFunction::HardSilu,
        ActivationFunction::Selu,
        ActivationFunction::Softplus,
        ActivationFunction::Mish,
        ActivationFunction::Exponential,
    ] {
        ends.push(graph.activation("activation", function, x)?);
    }
    ends.push(graph.softmax("softmax", x)?);
    ends.push(graph.concatenate("joined", &[x, x, x, x, x])?);
    let factors = graph.global_average_pool2d("factors", true, x)?;
    ends.push(graph.multiply("scaled", x, factors)?);
    ends.push(graph.multiply("squared", x, x)?);
    // Where the gradient of what was pooled is computed, the cells that it goes back to are not known.
    let pointwise =
        Conv2d { input, filters: 4, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: false, relu: true };
    let w = graph.input("w", [32]);
    let pooled = graph.add_node("pooled", Conv2dMaxPool2d { convolution: pointwise }, &[x, w])?;
    ends.push(graph.zero_padding2d("padded", [[1, 1], [1, 1]], pooled)?);
    let wanted: Vec<TensorId> =
        graph.tensors().filter(|(_, tensor)| ["x", "w"].contains(&&*tensor.name)).map(|(id, _)| id).collect();
    let upstream: Vec<(TensorId, TensorId)> =
        ends.into_iter().map(|end| (end, graph.input("dy", graph.tensor(end).shape.clone()))).collect();
    let mut all = graph.record_forward(Mode::Train);
    all.extend(graph.record_backward(&upstream, &wanted)?.0);
    Ok(all)
}

/// Normalizations with and without each of their options, on tensors of weights and on others.
fn normalizations(micro_kernel: MicroKernel) -> Vec<Dispatch> {
    let mut graph = Graph::new(Target::new(micro_kernel, 64));
    let shape = [4, 9, 9, 6];
    let minibatch = graph.minibatch(Minibatch::new(4, [0; 3]));
    let mut vectors = |name: &str, role| {
        let vector = |variable| VariableSpec { role, ..VariableSpec::vector(name, variable, 6, Initializer::Zeros) };
        graph.add_weights(name, vec![vector("first"), vector("second")]).unwrap()
    };
    let weights = vectors("weights", Role::Trained);
    let averaged = vectors("moving", Role::Averaged { momentum: 0.9 });
    let plain = graph.input("plain", [70]);
    let [input, more] = ["input", "more"].map(|name| graph.input(name, shape));
    let relu = graph.relu("relu", input).unwrap();
    let sum = graph.add("sum", input, input).unwrap();
    let mut upstream = Vec::new();
    let mut add = |graph: &mut Graph, y: Result<TensorId, GraphError>| {
        upstream.push((y.unwrap(), graph.input("dy", shape)));
    };
    for (with, frozen) in [(true, false), (false, false), (true, true), (false, true)] {
        let geometry = BatchNorm { frozen, activation: Some(ActivationFunction::Silu), ..BatchNorm::new(shape) };
        let inputs = BatchNormInputs { x: sum, minibatch, moving: averaged, weights: Some(weights), added: None };
        let y = graph.batch_norm("batch", geometry, inputs);
        add(&mut graph, y);
        for x in [relu, sum, more] {
            let activation = with.then_some(ActivationFunction::RELU);
            let geometry =
                BatchNorm { scale: with, center: with, frozen, added: with, activation, ..BatchNorm::new(shape) };
            let (moving, added) = if with { (averaged, Some(input)) } else { (plain, None) };
            let inputs = BatchNormInputs { x, minibatch, moving, weights: with.then_some(weights), added };
            let y = graph.batch_norm("batch", geometry, inputs);
            add(&mut graph, y);
            let geometry = GroupNorm { groups: 2, scale: with, center: with, ..GroupNorm::new(shape) };
            let y = graph.group_norm("group", geometry, x, with.then_some(weights));
            add(&mut graph, y);
            let geometry = LayerNorm { scale: with, center: with, ..LayerNorm::new(shape) };
            let y = graph.layer_norm("layer", geometry, x, with.then_some(weights));
            add(&mut graph, y);
        }
    }
    let mut all = graph.record_forward(Mode::Train);
    all.extend(graph.record_backward(&upstream, &[input]).unwrap().0);
    all.extend(graph.record_forward(Mode::Infer));
    all
}

/// A normalization of so many channels.
fn normalization_of(micro_kernel: MicroKernel, channels: usize) -> Vec<Dispatch> {
    let mut graph = Graph::new(Target::new(micro_kernel, 64));
    let geometry = BatchNorm { scale: false, center: false, ..BatchNorm::new([4, 9, 9, channels]) };
    let minibatch = graph.minibatch(Minibatch::new(4, [0; 3]));
    let moving = graph.add_weights("moving", geometry.moving_variables("moving", 0.9)).unwrap();
    let [x, dy] = ["x", "dy"].map(|name| graph.input(name, geometry.input.clone()));
    let inputs = BatchNormInputs { x, minibatch, moving, weights: None, added: None };
    let y = graph.batch_norm("batch", geometry, inputs).unwrap();
    let mut all = graph.record_forward(Mode::Train);
    all.extend(graph.record_backward(&[(y, dy)], &[x]).unwrap().0);
    all
}

/// Inference of convolutions that end in a normalization.
fn normalized_convolutions(micro_kernel: MicroKernel) -> Result<Vec<Dispatch>, GraphError> {
    let mut graph = Graph::new(Target::new(micro_kernel, 64));
    let input = [4, 8, 8, 6];
    let (kernel, stride, padding) = ([3, 3], [1, 1], Padding::Same);
    let minibatch = graph.minibatch(Minibatch::new(4, [0; 3]));
    let image = graph.input("x", input);
    let convolution = Conv2d { input, filters: 6, kernel, stride, padding, bias: true, relu: false };
    let depthwise = DepthwiseConv2d { input, multiplier: 1, kernel, stride, padding, bias: false };
    for (with, activation) in [(true, ActivationFunction::RELU), (false, ActivationFunction::Sigmoid)] {
        let norm = BatchNorm { scale: with, center: with, ..BatchNorm::new(input) };
        let moving = graph.add_weights("moving", norm.moving_variables("moving", 0.9))?;
        let weights = with.then(|| graph.add_weights("norm", norm.variables("norm"))).transpose()?;
        let w = graph.add_weights("convolution", convolution.variables("convolution"))?;
        let dense = graph.conv2d("convolution", convolution, image, w)?;
        let w = graph.add_weights("depthwise", depthwise.variables("depthwise"))?;
        let depthwise = graph.depthwise_conv2d("depthwise", depthwise, image, w)?;
        for x in [dense, depthwise] {
            let inputs = BatchNormInputs { x, minibatch, moving, weights, added: None };
            let mut y = graph.batch_norm("norm", norm.clone(), inputs)?;
            if with {
                y = graph.add("sum", image, y)?;
            }
            graph.activation("activation", activation, y)?;
        }
    }
    graph.fuse(Mode::Infer, &[]);
    let all = graph.record_forward(Mode::Infer);
    // Weights that are brought into another order take a dispatch of their own.
    assert_eq!(all.iter().filter(|dispatch| dispatch.kernel().name != "conv2d/pack").count(), 4);
    Ok(all)
}

#[test]
fn naga_accepts_them_and_sees_the_same_bindings() {
    let mut modules = BTreeSet::new();
    for dispatch in MicroKernel::ALL.into_iter().flat_map(dispatches) {
        let text = dispatch.kernel().module();
        let source = text.text.clone();
        let module = naga::front::wgsl::parse_str(&source)
            .unwrap_or_else(|error| panic!("{}: {}", dispatch.name(), error.emit_to_string(&source)));
        let validate = |module: &naga::Module| {
            Validator::new(ValidationFlags::all(), Capabilities::all()).validate(module).unwrap_or_else(|error| {
                panic!("{}: {}", dispatch.name(), error.emit_to_string(&source));
            })
        };
        let info = validate(&module);
        let constants = dispatch.kernel().constants.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let entry = Some((naga::ShaderStage::Compute, "main"));
        let (folded, _) = naga::back::pipeline_constants::process_overrides(&module, &info, entry, &constants)
            .unwrap_or_else(|error| panic!("{}: {error}", dispatch.name()));
        validate(&folded);
        for (name, _) in &dispatch.kernel().constants {
            assert!(
                module.overrides.iter().any(|(_, o)| o.name.as_deref() == Some(name)),
                "{}: no override {name}",
                dispatch.name()
            );
        }
        for (name, _) in &dispatch.kernel().numbers {
            assert!(text.names().any(|own| own == *name), "{}: no number {name}", dispatch.name());
        }
        assert_eq!(declared(&module), named(&dispatch), "{}", dispatch.name());
        if modules.insert(source.clone()) && dispatch.bindings().iter().all(|b| b.storage == Storage::Buffers) {
            translate(&dispatch, &folded, &validate(&folded));
        }
    }
    assert!(modules.len() > 20, "only {} modules", modules.len());
}

/// What a GPU runs at once is valid too.
#[test]
fn naga_accepts_joined_kernels() {
    for micro_kernel in MicroKernel::ALL.into_iter().filter(|kernel| kernel.storage() == Storage::Buffers) {
        let built = Sequential::tutorial([32, 32, 3], 10).build(4, Target::new(micro_kernel, 64)).unwrap();
        let mut graph = built.graph;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
        let plan = Plan::joined(&graph, dispatches, &[]).unwrap();
        let joined = plan.dispatches().iter().filter(|dispatch| dispatch.members().len() > 1);
        let valid = joined.map(|dispatch| {
            let source = dispatch.kernel().module().text;
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|error| panic!("{}: {}", dispatch.name(), error.emit_to_string(&source)));
            let validated = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module);
            validated.unwrap_or_else(|error| panic!("{}: {}", dispatch.name(), error.emit_to_string(&source)));
        });
        assert!(valid.count() >= 3, "{micro_kernel}");
    }
}

/// naga can translate the shader for Metal and DX12. There, no kernel runs on images.
fn translate(dispatch: &Dispatch, module: &naga::Module, info: &naga::valid::ModuleInfo) {
    let name = &dispatch.name();
    let mut hlsl = String::new();
    let mut binding_map = naga::back::hlsl::BindingMap::new();
    for index in dispatch.bindings().iter().flat_map(Binding::uses).map(|part| part.index).chain([NUMBERS_BINDING]) {
        let resource = naga::ResourceBinding { group: 0, binding: index };
        let target = naga::back::hlsl::BindTarget { register: index, ..Default::default() };
        binding_map.insert(resource, target);
    }
    let options = naga::back::hlsl::Options { binding_map, ..Default::default() };
    naga::back::hlsl::Writer::new(&mut hlsl, &options, &Default::default())
        .write(module, info, None)
        .unwrap_or_else(|error| panic!("{name} in HLSL: {error}"));
    let options = naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() };
    naga::back::msl::write_string(module, info, &options, &Default::default())
        .unwrap_or_else(|error| panic!("{name} in MSL: {error}"));
}

/// Index, use and kind of each binding as the shader declares them. An update of a buffer counts as a write.
fn declared(module: &naga::Module) -> BTreeSet<(u32, String)> {
    module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let binding = variable.binding.as_ref()?;
            assert_eq!(binding.group, 0);
            let kind = match (variable.space, &module.types[variable.ty].inner) {
                (AddressSpace::Storage { access }, _) if access.contains(StorageAccess::STORE) => {
                    "buffer written".into()
                }
                (AddressSpace::Storage { .. }, _) => "buffer read".into(),
                (_, TypeInner::Image { class: ImageClass::Storage { access, .. }, .. }) => image(*access),
                (AddressSpace::Uniform, _) => return None,
                other => panic!("unexpected binding {other:?}"),
            };
            Some((binding.binding, kind))
        })
        .collect()
}

fn image(access: StorageAccess) -> String {
    let both = StorageAccess::LOAD | StorageAccess::STORE;
    let name = if access == both {
        "updated"
    } else if access == StorageAccess::LOAD {
        "read"
    } else {
        "written"
    };
    format!("image {name}")
}

/// Index, use and kind of each binding as the dispatch has them.
fn named(dispatch: &Dispatch) -> BTreeSet<(u32, String)> {
    (dispatch.bindings().iter())
        .flat_map(Binding::uses)
        .map(|binding| {
            let kind = match (binding.storage, binding.access) {
                (Storage::Buffers, Access::Read) => "buffer read",
                (Storage::Buffers, _) => "buffer written",
                (Storage::Images | Storage::HalfImages, Access::Read) => "image read",
                (Storage::Images | Storage::HalfImages, Access::Write) => "image written",
                (Storage::Images | Storage::HalfImages, Access::ReadWrite) => "image updated",
            };
            (binding.index, kind.to_owned())
        })
        .collect()
}

/// A file that no module contains would be dead.
#[test]
fn every_file_is_used() {
    let used: Vec<&str> = (MicroKernel::ALL.into_iter().flat_map(dispatches))
        .flat_map(|dispatch| dispatch.kernel().source.clone())
        .map(|file| file.path())
        .collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut folders = vec![root.clone()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let name = name.to_str().unwrap().replace('\\', "/");
            assert!(used.contains(&name.as_str()), "shaders/{name}.wgsl is used by no kernel");
            files += 1;
        }
    }
    assert!(files > 20);
}

/// The record of a step has the same fields at the same offsets in Rust and in WGSL.
#[test]
fn a_step_is_the_same_to_the_host_and_to_shaders() {
    macro_rules! fields {
        ($($field:ident)*) => {
            [$((stringify!($field).to_owned(), std::mem::offset_of!(Step, $field) as u32)),*]
        };
    }
    let host = fields!(number images update loss_scale seed rate decay l2 epsilon updates part);
    let module = naga::front::wgsl::parse_str(include_str!("../shaders/step.wgsl")).unwrap();
    let structure = |name: &str| {
        let found = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name));
        match &found.unwrap().1.inner {
            TypeInner::Struct { members, span } => {
                let member = |member: &naga::StructMember| (member.name.clone().unwrap(), member.offset);
                (members.iter().map(member).collect::<Vec<_>>(), *span as usize)
            }
            other => panic!("{name} is {other:?}"),
        }
    };
    assert_eq!(structure("Step"), (host.to_vec(), size_of::<Step>()));
    let (members, _) = structure("Minibatch");
    assert_eq!(members, [("step".to_owned(), 0), ("data".to_owned(), size_of::<Step>() as u32)]);
    assert_eq!(Minibatch::new(0, [0; 3]).words() * 4, size_of::<Step>());
}

/// Labels and pixels are read in one file only, so that no other shader has a layout of its own.
#[test]
fn only_one_shader_knows_the_layout_of_a_minibatch() {
    let files: Vec<_> =
        MicroKernel::ALL.into_iter().flat_map(dispatches).flat_map(|d| d.kernel().source.clone()).collect();
    let knows =
        |text: &str| text.contains("minibatch.data") || text.contains("minibatch[") || text.contains(" minibatch:");
    let found: BTreeSet<&str> = files.iter().filter(|file| knows(&file.text())).map(|file| file.path()).collect();
    assert_eq!(found, BTreeSet::from(["step"]));
}
