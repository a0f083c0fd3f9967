//! What safe code of other crates may do to a device: no more than WebGPU allows. Its kernels run with runtime checks,
//! whatever the options say, and no geometry that does not fit its tensors gets into a graph.

use std::sync::Arc;

use wgrad::Shape;
use wgrad::exec::{ExecError, Program, ProgramError};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{
    Access, Dispatch, Epilogue, Graph, GraphError, Initializer, Inputs, Mode, Operation, Plan, Recorder, Sink, Target,
    TensorId, VariableSpec,
};
use wgrad::kernel::{MicroKernel, Wgsl};
use wgrad::minibatch::Minibatch;
use wgrad::ops::{
    ActivationFunction, Affine, Augmentation, BatchNorm, BatchNormInputs, ChannelScale, Concatenate, Conv2d,
    Conv2dMaxPool2d, Conv2dTranspose, Dense, DenseSoftmaxCrossEntropy, DepthwiseConv2d, Frame2d, GroupNorm,
    GroupedConv2d, Ingest, Interpolation, LayerNorm, Multiply, Padding, Parametric, ParametricFunction, PixelScale,
    Pool2d, Relu,
};
use wgrad::optim::Optimizer;

fn gpu() -> Arc<Gpu> {
    Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap())
}

fn graph() -> Graph {
    Graph::new(Target::new(MicroKernel::Direct, 4))
}

const OUTSIDE: &str = "
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

// Near, and so far that no memory of this process is there.
const DISTANCES = array(1u, 64u, 4096u, 0x01000000u, 0x0fffff00u);

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32) {
    for (var k = 0u; k < 5u; k++) {
        var distances = DISTANCES;
        let outside = arrayLength(&y) - 1u + distances[k] + i;
        y[outside] = x[arrayLength(&x) - 1u + distances[k] + i] + vec4(7.0);
    }
    y[0] = vec4(1.0);
}
";

/// Reads and writes far outside its tensors.
#[derive(Debug)]
struct Outside;

impl Operation for Outside {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[64].into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        recorder
            .dispatch("outside")
            .bind(0, inputs[0], Access::Read)
            .bind(1, outputs[0], Access::Write)
            .source(Wgsl::new("outside", OUTSIDE))
            .workgroups(1, 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

#[test]
fn a_foreign_shader_reaches_nothing_outside_its_tensors() {
    let gpu = gpu();
    let mut graph = graph();
    // Neighbours in an arena, in buffers of their own, and in slots that live as long.
    let x = graph.input("x", [64]);
    let other = graph.input("other", [64]);
    let w = [0, 1, 2].map(|_| graph.add_weights("w", vec![VariableSpec::kernel("w", vec![8, 8])]).unwrap());
    let before = graph.add("before", x, other).unwrap();
    let y = graph.add_node("y", Outside, &[w[1]]).unwrap();
    let after = graph.add("after", x, other).unwrap();
    let dispatches = graph.record_forward(Mode::Infer);
    let unchecked: Vec<bool> = dispatches.iter().map(|dispatch| dispatch.kernel().may_run_unchecked()).collect();
    assert_eq!(unchecked, [true, false, true]);
    let plan = Plan::new(&graph, dispatches, &[before, y, after]).unwrap();
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    let values: Vec<f32> = (0..64).map(|i| i as f32).collect();
    for tensor in [x, other].into_iter().chain(w) {
        program.write(&graph, &plan, tensor, &values).unwrap();
    }
    let read = |tensor| gpu.block_on(program.read(&graph, &plan, tensor)).unwrap();
    program.run(0).unwrap();
    for tensor in [x, other].into_iter().chain(w) {
        assert_eq!(read(tensor), values, "{}", graph.tensor(tensor).name);
    }
    let doubled: Vec<f32> = values.iter().map(|value| 2.0 * value).collect();
    assert_eq!([read(before), read(after)], [doubled.clone(), doubled]);
    // WebGPU lets an index that is too large hit any element of the tensor itself.
    assert_eq!(read(y)[0], 1.0);
    gpu.check().unwrap();
}

/// Records wgrad's own kernels for tensors that they do not fit.
#[derive(Debug)]
struct Misuse;

impl Operation for Misuse {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[4].into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        Relu { shape: [1 << 20].into() }.forward(recorder, inputs, outputs);
        Dense { input: [512, 512], units: 512, bias: true, relu: false }.forward(
            recorder,
            &[inputs[0], inputs[0]],
            outputs,
        );
        recorder.add(inputs[0], inputs[0], outputs[0]);
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

fn all_checked(dispatches: &[Dispatch]) -> bool {
    !dispatches.is_empty() && dispatches.iter().all(|dispatch| !dispatch.kernel().may_run_unchecked())
}

/// wgrad's own sources are trusted only with the geometry that wgrad's own methods of a graph have checked.
#[test]
fn own_kernels_run_checked_where_another_crate_records_them() {
    let gpu = gpu();
    let mut graph = graph();
    let x = graph.input("x", [4]);
    let y = graph.add_node("y", Misuse, &[x]).unwrap();
    let dispatches = graph.record_forward(Mode::Infer);
    assert!(dispatches.len() == 3 && all_checked(&dispatches));
    let plan = Plan::new(&graph, dispatches, &[y]).unwrap();
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    program.run(0).unwrap();
    gpu.block_on(program.read(&graph, &plan, y)).unwrap();
    gpu.check().unwrap();

    let mut graph = self::graph();
    let x = graph.input("x", [4]);
    graph.add_node("y", Relu { shape: [4].into() }, &[x]).unwrap();
    assert!(all_checked(&graph.record_forward(Mode::Infer)));
}

/// A foreign source that its author vouches for.
#[derive(Debug)]
struct Vouched(Wgsl);

impl Operation for Vouched {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[4].into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        recorder.dispatch("y").a(inputs[0]).c(outputs[0]).source(self.0).elementwise(&[4].into(), 1).record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

#[test]
#[allow(unsafe_code)]
fn only_unsafe_code_lets_a_foreign_source_run_unchecked() {
    const TEXT: &str = "fn element(i: u32) -> vec4<f32> { return 2.0 * read_a(i); }";
    // SAFETY: `elementwise` asks for elements of a tensor of 4, which are there.
    let vouched = unsafe { Wgsl::vouched("double", TEXT) };
    for (source, unchecked) in [(Wgsl::new("double", TEXT), false), (vouched, true)] {
        let mut graph = graph();
        let x = graph.input("x", [4]);
        graph.add_node("y", Vouched(source), &[x]).unwrap();
        assert_eq!(graph.record_forward(Mode::Infer)[0].kernel().may_run_unchecked(), unchecked);
    }
}

/// Shares neither its input's size nor asks anybody.
#[derive(Debug)]
struct WideView {
    passes_gradient: bool,
}

impl Operation for WideView {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[1 << 20].into()]
    }

    fn is_view(&self) -> bool {
        !self.passes_gradient
    }

    fn passes_gradient(&self, _input: usize) -> bool {
        self.passes_gradient
    }

    fn forward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId]) {}

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

/// Numbers of `c` channels that change nothing.
fn scale_of(c: usize) -> ChannelScale {
    ChannelScale { center: vec![0.0; c], scale: vec![1.0; c], offset: vec![0.0; c] }
}

/// Every way to add a node whose geometry does not fit: an error, and nothing is added.
#[test]
fn a_geometry_that_does_not_fit_is_an_error_where_it_is_added() {
    let mut graph = graph();
    let x = graph.input("x", [2, 6, 6, 3]);
    let small = graph.input("small", [2, 6, 5, 3]);
    let rows = graph.input("rows", [2, 12]);
    let huge = graph.input("huge", [1 << 40, 4]);
    let overflow = graph.input("overflow", [usize::MAX, usize::MAX]);
    let empty = graph.input("empty", Vec::new());
    let minibatch = graph.minibatch(Minibatch::new(2, [6, 6, 3]));
    // Two of three channels.
    let vectors = graph.input("vectors", [67]);
    let w = graph.add_weights("w", VariableSpec::kernel_and_bias("w", vec![3, 3, 3, 8], true)).unwrap();
    let v = graph.add_weights("v", VariableSpec::kernel_and_bias("v", vec![12, 5], true)).unwrap();
    let elsewhere = {
        let mut other = self::graph();
        let more: Vec<TensorId> = (0..999).map(|_| other.input("x", [2, 6, 6, 3])).collect();
        more[998]
    };
    let conv = Conv2d {
        input: [2, 6, 6, 3],
        filters: 8,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
        relu: true,
    };
    let dense = Dense { input: [2, 12], units: 5, bias: true, relu: false };
    let pool = Pool2d { input: [2, 6, 6, 3], window: [2, 2], stride: [2, 2], padding: Padding::Valid };
    let max = usize::MAX;

    let depthwise = DepthwiseConv2d {
        input: [2, 6, 6, 3],
        multiplier: 2,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
    };
    let dw = graph.input("dw", [136]);

    // They fit as they are.
    graph.depthwise_conv2d("y", depthwise, x, dw).unwrap();
    let grouped = GroupedConv2d {
        input: [2, 6, 6, 3],
        filters: 6,
        kernel: [2, 2],
        stride: [1, 1],
        dilation: [2, 3],
        groups: 3,
        padding: Padding::Valid,
        bias: true,
    };
    let gw = graph.add_weights("gw", grouped.variables("gw")).unwrap();
    graph.grouped_conv2d("y", grouped, x, gw).unwrap();
    let transposed = Conv2dTranspose {
        input: [2, 6, 6, 3],
        filters: 5,
        output: [13, 14],
        kernel: [3, 3],
        stride: [2, 2],
        padding: Padding::Valid,
    };
    let tw = graph.add_weights("tw", transposed.variables("tw")).unwrap();
    graph.conv2d_transpose("y", transposed, x, tw).unwrap();
    let alpha = Parametric::variable("alpha", "alpha", vec![6, 6, 3], Initializer::Zeros);
    let alpha = graph.add_weights("alpha", vec![alpha]).unwrap();
    graph.parametric("y", ParametricFunction::Prelu, &[6, 6, 3], [x, alpha]).unwrap();
    graph.up_sampling2d("y", [64, 1], Interpolation::Bilinear, x).unwrap();
    graph.reshape("y", [24, 9], x).unwrap();
    graph.zero_padding2d("y", [[1, 2], [0, 1]], x).unwrap();
    graph.cropping2d("y", [[1, 2], [0, 1]], x).unwrap();
    let factors = graph.input("factors", [2, 1, 1, 3]);
    graph.multiply("y", x, factors).unwrap();
    graph.affine("y", x, scale_of(3)).unwrap();
    let wide = graph.input("wide", [1, Affine::MOST_CHANNELS + 1]);
    graph.affine("y", wide, scale_of(Affine::MOST_CHANNELS + 1)).unwrap();
    graph.concatenate("y", &[x, x, x]).unwrap();
    graph.conv2d("y", conv, x, w).unwrap();
    graph.add_node("y", Conv2dMaxPool2d { convolution: conv }, &[x, w]).unwrap();
    graph.dense("y", dense, rows, v).unwrap();
    graph.max_pool2d("y", pool, x).unwrap();
    graph.average_pool2d("y", pool, x).unwrap();
    let inputs = BatchNormInputs { x, minibatch, moving: vectors, weights: Some(vectors), added: None };
    graph.batch_norm("y", BatchNorm::new([2, 6, 6, 3]), inputs).unwrap();
    graph.group_norm("y", GroupNorm { groups: 3, ..GroupNorm::new([2, 6, 6, 3]) }, x, Some(vectors)).unwrap();
    graph.layer_norm("y", LayerNorm::new([2, 6, 6, 3]), x, Some(vectors)).unwrap();
    let count = graph.record_forward(Mode::Infer).len();

    let mut wrong: Vec<Result<TensorId, GraphError>> = Vec::new();
    for conv in [
        Conv2d { input: [3, 6, 6, 3], ..conv },
        Conv2d { input: [2, 6, 6, 4], ..conv },
        Conv2d { input: [2, 7, 6, 3], ..conv },
        Conv2d { input: [max, 6, 6, 3], ..conv },
        Conv2d { filters: 9, ..conv },
        Conv2d { filters: 0, ..conv },
        Conv2d { filters: max, ..conv },
        Conv2d { kernel: [3, 4], ..conv },
        Conv2d { kernel: [0, 3], ..conv },
        Conv2d { kernel: [max, max], ..conv },
        Conv2d { stride: [0, 1], ..conv },
        Conv2d { stride: [1, max], ..conv },
        Conv2d { bias: false, ..conv },
    ] {
        wrong.push(graph.conv2d("y", conv, x, w));
        wrong.push(graph.add_node("y", Conv2dMaxPool2d { convolution: conv }, &[x, w]));
        wrong.push(graph.add_node("y", conv, &[x, w]));
    }
    wrong.push(graph.conv2d("y", conv, small, w));
    wrong.push(graph.conv2d("y", conv, x, v));
    wrong.push(graph.conv2d("y", conv, elsewhere, w));
    wrong.push(graph.conv2d("y", Conv2d { input: [2, 2, 2, 3], ..conv }, x, w));
    wrong.push(graph.add_node("y", Conv2dMaxPool2d { convolution: Conv2d { stride: [4, 4], ..conv } }, &[x, w]));
    wrong.push(graph.add_node("y", conv, &[x]));
    wrong.push(graph.add_node("y", conv, &[x, w, w]));
    wrong.push(graph.add_node("y", conv, &[]));
    for depthwise in [
        DepthwiseConv2d { input: [3, 6, 6, 3], ..depthwise },
        DepthwiseConv2d { input: [2, 6, 6, 6], multiplier: 1, ..depthwise },
        DepthwiseConv2d { multiplier: 0, ..depthwise },
        DepthwiseConv2d { multiplier: 3, ..depthwise },
        DepthwiseConv2d { multiplier: max, ..depthwise },
        DepthwiseConv2d { kernel: [2, 3], ..depthwise },
        DepthwiseConv2d { kernel: [0, 3], ..depthwise },
        DepthwiseConv2d { kernel: [max, max], ..depthwise },
        DepthwiseConv2d { stride: [0, 1], ..depthwise },
        DepthwiseConv2d { stride: [1, max], ..depthwise },
        DepthwiseConv2d { bias: false, ..depthwise },
    ] {
        wrong.push(graph.depthwise_conv2d("y", depthwise, x, dw));
        wrong.push(graph.add_node("y", depthwise, &[x, dw]));
    }
    wrong.push(graph.depthwise_conv2d("y", depthwise, small, dw));
    wrong.push(graph.depthwise_conv2d("y", depthwise, x, rows));
    wrong.push(graph.depthwise_conv2d("y", depthwise, x, elsewhere));
    wrong.push(graph.add_node("y", depthwise, &[x]));
    for grouped in [
        GroupedConv2d { input: [3, 6, 6, 3], ..grouped },
        GroupedConv2d { input: [2, 6, 6, 6], ..grouped },
        GroupedConv2d { groups: 0, ..grouped },
        GroupedConv2d { groups: 2, ..grouped },
        GroupedConv2d { groups: max, ..grouped },
        GroupedConv2d { filters: 7, ..grouped },
        GroupedConv2d { filters: 9, ..grouped },
        GroupedConv2d { filters: 0, ..grouped },
        GroupedConv2d { filters: max, ..grouped },
        GroupedConv2d { kernel: [2, 3], ..grouped },
        GroupedConv2d { kernel: [0, 2], ..grouped },
        GroupedConv2d { kernel: [max, max], ..grouped },
        GroupedConv2d { stride: [0, 1], ..grouped },
        GroupedConv2d { stride: [1, max], ..grouped },
        GroupedConv2d { dilation: [0, 1], ..grouped },
        GroupedConv2d { dilation: [6, 1], ..grouped },
        GroupedConv2d { dilation: [max, max], ..grouped },
        GroupedConv2d { bias: false, ..grouped },
    ] {
        wrong.push(graph.grouped_conv2d("y", grouped, x, gw));
        wrong.push(graph.add_node("y", grouped, &[x, gw]));
    }
    wrong.push(graph.grouped_conv2d("y", grouped, small, gw));
    wrong.push(graph.grouped_conv2d("y", grouped, x, elsewhere));
    wrong.push(graph.add_node("y", grouped, &[x]));
    for transposed in [
        Conv2dTranspose { input: [3, 6, 6, 3], ..transposed },
        Conv2dTranspose { input: [2, 6, 6, 4], ..transposed },
        Conv2dTranspose { filters: 4, ..transposed },
        Conv2dTranspose { filters: 0, ..transposed },
        Conv2dTranspose { filters: max, ..transposed },
        Conv2dTranspose { output: [12, 13], ..transposed },
        Conv2dTranspose { output: [13, 15], ..transposed },
        Conv2dTranspose { output: [max, max], ..transposed },
        Conv2dTranspose { output: [0, 13], ..transposed },
        Conv2dTranspose { kernel: [0, 3], ..transposed },
        Conv2dTranspose { kernel: [max, max], ..transposed },
        Conv2dTranspose { stride: [0, 1], ..transposed },
        Conv2dTranspose { stride: [max, 1], ..transposed },
        Conv2dTranspose { padding: Padding::Same, ..transposed },
    ] {
        wrong.push(graph.conv2d_transpose("y", transposed, x, tw));
    }
    wrong.push(graph.conv2d_transpose("y", transposed, small, tw));
    wrong.push(graph.conv2d_transpose("y", transposed, x, elsewhere));
    for (weights, x, w) in [
        (&[6, 6, 3][..], small, alpha),
        (&[6, 3], x, alpha),
        (&[3], x, alpha),
        (&[], x, alpha),
        (&[0], x, alpha),
        (&[2, 6, 6, 3, 1], x, alpha),
        (&[6, 6, 3], elsewhere, alpha),
        (&[6, 6, 3], x, elsewhere),
        (&[6, 6, 3], x, tw),
    ] {
        wrong.push(graph.parametric("y", ParametricFunction::Scale, weights, [x, w]));
    }
    for factors in [[0, 1], [1, 0], [65, 1], [1, max]] {
        wrong.push(graph.up_sampling2d("y", factors, Interpolation::Nearest, x));
    }
    wrong.push(graph.up_sampling2d("y", [2, 2], Interpolation::Nearest, rows));
    wrong.push(graph.up_sampling2d("y", [2, 2], Interpolation::Bilinear, elsewhere));
    for shape in [vec![24, 8], vec![], vec![0], vec![max, 2], vec![216, 0]] {
        wrong.push(graph.reshape("y", shape, x));
    }
    wrong.push(graph.reshape("y", [24, 9], elsewhere));
    for padding in [[[max, 0], [0, 0]], [[0, 1 << 40], [1 << 40, 0]], [[1 << 30, 0], [0, 0]]] {
        wrong.push(graph.zero_padding2d("y", padding, x));
        wrong.push(graph.cropping2d("y", padding, x));
    }
    let frame = Frame2d { input: [2, 6, 6, 3], first: [1, -1], size: [3, 9] };
    for frame in [
        Frame2d { input: [2, 5, 6, 3], ..frame },
        Frame2d { first: [i64::MIN, 0], ..frame },
        Frame2d { first: [0, i64::MAX], ..frame },
        Frame2d { first: [0, 1 << 31], ..frame },
        Frame2d { size: [0, 1], ..frame },
        Frame2d { size: [max, 1], ..frame },
    ] {
        wrong.push(graph.add_node("y", frame, &[x]));
    }
    wrong.push(graph.cropping2d("y", [[3, 3], [0, 0]], x));
    wrong.push(graph.zero_padding2d("y", [[1, 1], [1, 1]], rows));
    wrong.push(graph.zero_padding2d("y", [[1, 1], [1, 1]], elsewhere));
    wrong.push(graph.global_max_pool2d("y", true, rows));
    let other_factors = graph.input("factors", [1, 1, 1, 3]);
    for b in [small, rows, other_factors, elsewhere, huge] {
        wrong.push(graph.multiply("y", x, b));
        wrong.push(graph.multiply("y", b, x));
        wrong.push(graph.add_all("y", &[x, x, b]));
    }
    wrong.push(graph.add_node("y", Multiply { shape: [2, 12].into(), per_channel: true }, &[rows, rows]));
    for (tensor, channels) in [
        (x, scale_of(2)),
        (rows, scale_of(3)),
        (elsewhere, scale_of(3)),
        (x, ChannelScale { offset: vec![0.0; 2], ..scale_of(3) }),
        (x, ChannelScale { center: Vec::new(), ..scale_of(3) }),
        (x, ChannelScale { scale: vec![1.0, f64::NAN, 1.0], ..scale_of(3) }),
        (x, ChannelScale { center: vec![1e39; 3], ..scale_of(3) }),
    ] {
        wrong.push(graph.affine("y", tensor, channels));
    }
    let differ = (0..=Affine::MOST_CHANNELS).map(|channel| channel as f64).collect();
    wrong.push(graph.affine("y", wide, ChannelScale { scale: differ, ..scale_of(Affine::MOST_CHANNELS + 1) }));
    for tensors in [vec![], vec![x], vec![empty, empty], vec![x, small], vec![x, x, rows], vec![x, elsewhere]] {
        wrong.push(graph.concatenate("y", &tensors));
    }
    wrong.push(graph.concatenate("y", &[huge, huge]));
    wrong.push(graph.add_node("y", Concatenate { shared: vec![2, 6, 6], channels: vec![3] }, &[x]));
    wrong.push(graph.add_node("y", Concatenate { shared: vec![2, 6, 6], channels: vec![3, max] }, &[x, x]));
    for tensors in [vec![], vec![x]] {
        wrong.push(graph.add_all("y", &tensors));
    }
    let none = graph.input("none", [0, 4]);
    wrong.push(graph.relu("y", none));
    wrong.push(graph.add_all("y", &[none, none]));
    wrong.push(graph.softmax("y", huge));
    for wrong_number in [f64::NAN, f64::INFINITY] {
        wrong.push(graph.activation("y", ActivationFunction::leaky_relu(wrong_number), x));
    }
    let odd = graph.input("odd", [2, 3, 4]);
    wrong.push(graph.dense("y", dense, odd, v));
    wrong.push(graph.global_average_pool2d("y", false, rows));
    for dense in [
        Dense { input: [2, 13], ..dense },
        Dense { input: [3, 12], ..dense },
        Dense { units: 9, ..dense },
        Dense { units: 0, ..dense },
        Dense { bias: false, ..dense },
    ] {
        wrong.push(graph.dense("y", dense, rows, v));
        wrong.push(graph.add_node("y", DenseSoftmaxCrossEntropy { dense, smoothing: 0.0 }, &[rows, v, minibatch]));
    }
    for pool in [
        Pool2d { input: [2, 6, 8, 3], ..pool },
        Pool2d { window: [7, 2], ..pool },
        Pool2d { window: [2, 0], ..pool },
        Pool2d { stride: [0, 2], ..pool },
        Pool2d { window: [max, max], ..pool },
        Pool2d { window: [max, max], padding: Padding::Same, ..pool },
        Pool2d { stride: [max, 1], padding: Padding::Same, ..pool },
    ] {
        wrong.push(graph.max_pool2d("y", pool, x));
        wrong.push(graph.average_pool2d("y", pool, x));
    }
    wrong.push(graph.add("y", x, small));
    wrong.push(graph.add("y", x, elsewhere));
    wrong.push(graph.relu("y", huge));
    wrong.push(graph.relu("y", overflow));
    wrong.push(graph.relu("y", elsewhere));
    wrong.push(graph.activation("y", ActivationFunction::Tanh, huge));
    wrong.push(graph.flatten("y", huge));
    wrong.push(graph.flatten("y", empty));
    for rate in [-0.1, 1.0, f64::NAN] {
        wrong.push(graph.dropout("y", rate, x, minibatch));
    }
    wrong.push(graph.dropout("y", 0.5, x, small));
    let scale = PixelScale { scale: vec![1.0; 2], offset: Vec::new() };
    wrong.push(graph.ingest(Ingest { output: [2, 6, 6, 3], augmentation: Augmentation::default(), scale }, minibatch));
    wrong.push(graph.ingest(
        Ingest { output: [2, 6, 6, 4], augmentation: Augmentation::default(), scale: PixelScale::default() },
        minibatch,
    ));
    wrong.push(graph.ingest(
        Ingest { output: [3, 6, 6, 3], augmentation: Augmentation::default(), scale: PixelScale::default() },
        minibatch,
    ));
    wrong.push(graph.ingest(
        Ingest { output: [2, 6, 6, 3], augmentation: Augmentation::default(), scale: PixelScale::default() },
        x,
    ));
    wrong.push(graph.softmax_cross_entropy(x, minibatch, 0.0));
    wrong.push(graph.softmax_cross_entropy(rows, x, 0.0));
    wrong.push(graph.softmax_cross_entropy(rows, minibatch, f64::NAN));
    let three = graph.input("three", [3, 12]);
    wrong.push(graph.softmax_cross_entropy(three, minibatch, 0.0));
    wrong.push(graph.add_node("y", WideView { passes_gradient: false }, &[x]));
    wrong.push(graph.add_node("y", WideView { passes_gradient: true }, &[x]));
    wrong.push(graph.add_node("y", WideView { passes_gradient: false }, &[]));
    let of = |shape: [usize; 4]| BatchNorm::new(shape);
    let batch = BatchNormInputs { x, minibatch, moving: vectors, weights: Some(vectors), added: None };
    let [short, other_minibatch] = [graph.input("short", [64]), graph.minibatch(Minibatch::new(3, [6, 6, 3]))];
    for (geometry, inputs) in [
        (of([3, 6, 6, 3]), batch),
        (of([2, 6, 6, 4]), batch),
        (BatchNorm { epsilon: 0.0, ..of([2, 6, 6, 3]) }, batch),
        (BatchNorm { epsilon: f64::NAN, ..of([2, 6, 6, 3]) }, batch),
        (BatchNorm { epsilon: 1e-60, ..of([2, 6, 6, 3]) }, batch),
        (BatchNorm { center: false, scale: false, ..of([2, 6, 6, 3]) }, batch),
        (BatchNorm { added: true, ..of([2, 6, 6, 3]) }, batch),
        (BatchNorm { added: true, ..of([2, 6, 6, 3]) }, BatchNormInputs { added: Some(small), ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { added: Some(x), ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { x: small, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { moving: short, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { moving: rows, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { weights: Some(short), ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { weights: None, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { minibatch: x, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { minibatch: other_minibatch, ..batch }),
        (of([2, 6, 6, 3]), BatchNormInputs { moving: elsewhere, ..batch }),
        (BatchNorm::new([67]), BatchNormInputs { x: vectors, ..batch }),
    ] {
        wrong.push(graph.batch_norm("y", geometry, inputs));
    }
    for groups in [0, 2, 6, max] {
        wrong.push(graph.group_norm("y", GroupNorm { groups, ..GroupNorm::new([2, 6, 6, 3]) }, x, Some(vectors)));
    }
    for weights in [None, Some(short), Some(rows)] {
        wrong.push(graph.group_norm("y", GroupNorm { groups: 3, ..GroupNorm::new([2, 6, 6, 3]) }, x, weights));
        wrong.push(graph.layer_norm("y", LayerNorm::new([2, 6, 6, 3]), x, weights));
    }
    wrong.push(graph.group_norm("y", GroupNorm { groups: 1, ..GroupNorm::new([67]) }, vectors, Some(vectors)));
    wrong.push(graph.layer_norm("y", LayerNorm::new([2, 6, 5, 3]), x, Some(vectors)));
    wrong.push(graph.layer_norm("y", LayerNorm { epsilon: -1.0, ..LayerNorm::new([2, 6, 6, 3]) }, x, Some(vectors)));
    for kernel in [vec![], vec![5], vec![3, 0], vec![max, max], vec![1 << 20, 1 << 20]] {
        wrong.push(graph.add_weights("w", VariableSpec::kernel_and_bias("w", kernel, true)));
    }
    for (i, result) in wrong.into_iter().enumerate() {
        if let Ok(added) = result {
            panic!("wrong node {i} was added: {:?}", graph.tensor(added));
        }
    }
    assert_eq!(graph.record_forward(Mode::Infer).len(), count);

    assert!(graph.record_backward(&[(x, small)], &[]).is_err());
    assert!(graph.record_backward(&[(elsewhere, x)], &[]).is_err());
    assert!(graph.record_backward(&[], &[elsewhere]).is_err());
    assert!(Optimizer::default().record(&mut graph, x).is_err());
}

#[test]
fn a_program_refuses_what_it_does_not_have() {
    let gpu = gpu();
    let make = |elements: usize| {
        let mut graph = graph();
        let x = graph.input("x", [elements]);
        let unused = graph.input("unused", [4]);
        let y = graph.relu("y", x).unwrap();
        let dispatches = graph.record_forward(Mode::Infer);
        let plan = Plan::new(&graph, dispatches, &[y]).unwrap();
        (graph, plan, x, y, unused)
    };
    let (graph, plan, x, y, _) = make(8);
    let (other, other_plan, ..) = make(1 << 20);
    let refused = Program::new(gpu.clone(), &graph, &[&other_plan], RuntimeChecks::Off);
    assert!(matches!(refused, Err(ExecError::Program(ProgramError::OtherGraph))));
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    let mut encoder = gpu.encoder();
    assert_eq!(program.encode(1, &mut encoder), Err(ProgramError::NoPlan { plan: 1, plans: 1 }));
    assert_eq!(program.encode_step(0, 1, 1, &mut encoder), Err(ProgramError::NoDispatch { step: 1, steps: 1 }));
    assert_eq!(program.run(usize::MAX), Err(ProgramError::NoPlan { plan: usize::MAX, plans: 1 }));
    assert_eq!(program.write(&other, &other_plan, x, &[1.0]), Err(ProgramError::OtherGraph));
    assert!(matches!(program.write(&graph, &plan, x, &[1.0; 9]), Err(ProgramError::Length { .. })));
    program.write(&graph, &plan, x, &[-1.0; 8]).unwrap();
    program.run(0).unwrap();
    assert_eq!(gpu.block_on(program.read(&graph, &plan, y)).unwrap(), [0.0; 8]);
    gpu.check().unwrap();
}

/// Claims that its gradient passes a relu or a pooling whose tensors do not fit its output.
#[derive(Debug)]
struct FalseEpilogue(Epilogue);

impl Operation for FalseEpilogue {
    fn check(&self, _: &Inputs<'_>) -> Result<(), GraphError> {
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[2, 4, 4, 4].into(), [4].into()]
    }

    fn epilogue(&self, _: &Recorder, outputs: &[TensorId], _: &[bool]) -> Epilogue {
        match self.0 {
            // An output of its own, but a small one.
            Epilogue::Gate(_) => Epilogue::Gate(outputs[1]),
            epilogue => epilogue,
        }
    }

    fn forward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId]) {}

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}

/// wgrad's own kernels, which run without checks, would apply it.
#[test]
fn an_epilogue_that_does_not_fit_is_an_error() {
    let sizes = [2, 4, 4, 4];
    for (i, pooled) in [None, Some(sizes), Some([2, 400, 4, 4]), Some([usize::MAX; 4])].into_iter().enumerate() {
        let mut graph = graph();
        let x = graph.input("x", sizes);
        let small = graph.input("small", [4]);
        let epilogue = match pooled {
            None => Epilogue::Gate(small),
            Some(pooled) => Epilogue::Scatter { pooled, places: small },
        };
        let y = graph.add_node("y", FalseEpilogue(epilogue), &[x]).unwrap();
        let conv = Conv2d {
            input: sizes,
            filters: 4,
            kernel: [1, 1],
            stride: [1, 1],
            padding: Padding::Valid,
            bias: false,
            relu: false,
        };
        let w = graph.input("w", [16]);
        let z = graph.conv2d("z", conv, y, w).unwrap();
        let dz = graph.input("dz", sizes);
        let refused = graph.record_backward(&[(z, dz)], &[x]);
        assert!(matches!(refused, Err(GraphError::Value { .. })), "epilogue {i}");
    }
}

/// Weights of another number of channels may take as many floats: 5 and 6 columns are both padded to 8.
#[test]
fn weights_made_for_another_layer_are_refused() {
    let mut graph = graph();
    let [x, image] = [graph.input("x", [2, 12]), graph.input("image", [2, 6, 6, 5])];
    let dense = |units| Dense { input: [2, 12], units, bias: true, relu: false };
    let w = graph.add_weights("dense", dense(5).variables("dense")).unwrap();
    assert_eq!(graph.tensor(w).shape.dims(), [136]);
    graph.dense("y", dense(5), x, w).unwrap();
    let error = graph.dense("y", dense(6), x, w).unwrap_err().to_string();
    assert!(error.contains("`dense w` holds `dense/kernel` [12, 5], `dense/bias` [5]"), "{error}");
    let vectors = |channels| LayerNorm::new([2, 6, 6, channels]).variables("norm");
    let [five, six] = [5, 6].map(|channels| graph.add_weights("norm", vectors(channels)).unwrap());
    graph.layer_norm("y", LayerNorm::new([2, 6, 6, 5]), image, Some(five)).unwrap();
    graph.layer_norm("y", LayerNorm::new([2, 6, 6, 5]), image, Some(six)).unwrap_err();
    let kernel = |channels, multiplier| DepthwiseConv2d {
        input: [2, 6, 6, channels],
        multiplier,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Same,
        bias: false,
    };
    let w = graph.add_weights("depthwise", kernel(6, 1).variables("depthwise")).unwrap();
    graph.depthwise_conv2d("y", kernel(5, 1), image, w).unwrap_err();
}
