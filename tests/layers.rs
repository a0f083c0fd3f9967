//! Networks of the newer layers train on the device, and infer what they have learned: the loss falls, the moving averages
//! move, and what is not trained stays.

use std::sync::Arc;

use wgrad::data::{Batch, shapes};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{NamedTensor, Network};

const BATCH_SIZE: usize = 20;

/// A network for `[32, 32, 3]` whose body is given, as a model file.
fn network(body: &str) -> Network {
    let text = format!(
        "version = 2\ninput = [32, 32, 3]\n\
         [[layers]]\ntype = \"rescaling\"\nscale = 0.00392156862745098\n\
         [[layers]]\ntype = \"average_pooling2d\"\npool_size = 4\nname = \"start\"\n{body}\n\
         [[layers]]\ntype = \"global_average_pooling2d\"\n[[layers]]\ntype = \"dense\"\nunits = 10\n"
    );
    Network::from_toml(&text, None).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn layer(kind: &str, options: &str) -> String {
    format!("[[layers]]\ntype = \"{kind}\"\n{options}\n")
}

fn batch() -> Batch {
    let data = shapes::generate(BATCH_SIZE, 10);
    let pixels = (0..BATCH_SIZE).flat_map(|i| data.train.image(i).unwrap().to_vec()).collect();
    let labels = data.train.labels().iter().map(|label| u32::from(*label)).collect();
    Batch { pixels, labels, len: BATCH_SIZE }
}

/// Losses of 50 steps on one minibatch, the weights before and after them, and the losses of that minibatch in inference
/// before and after.
fn trained(network: &Network) -> (Vec<f64>, [Vec<NamedTensor>; 2], [f64; 2]) {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let options = Options { batch_size: BATCH_SIZE, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), network, options).unwrap();
    let batch = batch();
    let infer = |executor: &mut Executor| {
        gpu.block_on(executor.eval_step(&batch)).unwrap();
        gpu.block_on(executor.metrics()).unwrap()[0].loss
    };
    let before = gpu.block_on(executor.parameters()).unwrap();
    let first = infer(&mut executor);
    for _ in 0..50 {
        gpu.block_on(executor.train_step_at(&batch, 2e-2)).unwrap();
    }
    let losses = gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss).collect();
    let after = gpu.block_on(executor.parameters()).unwrap();
    (losses, [before, after], [first, infer(&mut executor)])
}

#[test]
fn every_kind_trains_in_a_network() {
    let conv = layer("conv2d", "filters = 8\nkernel_size = 3\npadding = \"same\"\nname = \"conv\"\nuse_bias = false");
    let relu = layer("activation", "activation = \"relu\"");
    for (kind, body) in [
        ("batch", format!("{conv}{}{relu}", layer("batch_normalization", "momentum = 0.8"))),
        ("layer", format!("{conv}{}{relu}", layer("layer_normalization", ""))),
        ("group", format!("{conv}{}{relu}", layer("group_normalization", "groups = 2"))),
        (
            "depthwise",
            format!(
                "{conv}{}",
                layer("depthwise_conv2d", "kernel_size = 3\ndepth_multiplier = 2\nactivation = \"relu6\"")
            ),
        ),
        (
            "separable",
            layer(
                "separable_conv2d",
                "filters = 8\nkernel_size = 3\nstrides = [1, 2]\npadding = \"same\"\ndepth_multiplier = 2\n\
                 pointwise_regularizer = { l2 = 1e-4 }",
            ),
        ),
        ("leaky", format!("{conv}{}", layer("leaky_re_lu", ""))),
        ("limited", format!("{conv}{}", layer("re_lu", "max_value = 2.0\nnegative_slope = 0.1"))),
        ("elu", format!("{conv}{}", layer("elu", "alpha = 0.5"))),
        ("mish", format!("{conv}{}", layer("activation", "activation = \"mish\""))),
        ("selu", format!("{conv}{}", layer("activation", "activation = \"selu\""))),
        ("softplus", format!("{conv}{}", layer("activation", "activation = \"softplus\""))),
        ("prelu", format!("{conv}{}", layer("p_re_lu", ""))),
        ("prelu of channels", format!("{conv}{}", layer("prelu", "shared_axes = [1, 2]"))),
        ("scaled", format!("{conv}{relu}{}", layer("layer_scale", "init_values = 0.1"))),
        (
            "grouped",
            format!("{conv}{}{relu}", layer("conv2d", "filters = 12\nkernel_size = 3\ngroups = 2\nname = \"grouped\"")),
        ),
        (
            "groups of single channels",
            format!("{conv}{}{relu}", layer("conv2d", "filters = 16\nkernel_size = 3\ngroups = 8\nname = \"grouped\"")),
        ),
        (
            "apart",
            layer(
                "conv2d",
                "filters = 8\nkernel_size = 3\ndilation_rate = 2\nactivation = \"relu\"\npadding = \"same\"",
            ),
        ),
        (
            "transposed",
            format!(
                "{conv}{relu}{}{relu_2}",
                layer("conv2d_transpose", "filters = 6\nkernel_size = 3\nstrides = 2"),
                relu_2 = layer("re_lu", "")
            ),
        ),
        (
            "larger and smaller",
            format!(
                "{conv}{relu}{}{}{}",
                layer("up_sampling2d", "interpolation = \"bilinear\""),
                layer("cropping2d", "cropping = 1"),
                layer("upsampling2d", "size = [1, 2]"),
            ),
        ),
        ("silu", format!("{conv}{}", layer("activation", "activation = \"silu\""))),
        (
            "residual",
            format!(
                "{conv}{relu}{}{}{}",
                layer("conv2d", "filters = 8\nkernel_size = 1\nname = \"shortcut\"\ninputs = [\"start\"]"),
                layer("add", "inputs = [\"activation\", \"shortcut\"]"),
                layer("concatenate", "inputs = [\"add\", \"start\"]"),
            ),
        ),
        (
            "gate",
            format!(
                "{conv}{relu}{}{}{}",
                layer("global_average_pooling2d", "keepdims = true\nname = \"squeeze\""),
                layer("conv2d", "filters = 8\nkernel_size = 1\nactivation = \"sigmoid\"\nname = \"gate\""),
                layer("multiply", "inputs = [\"activation\", \"gate\"]"),
            ),
        ),
        (
            "pools",
            format!(
                "{}{conv}{}",
                layer("zero_padding2d", "padding = [[1, 0], [0, 2]]"),
                layer("max_pooling2d", "pool_size = 3\nstrides = 2\npadding = \"same\""),
            ),
        ),
    ] {
        let network = network(&body);
        let (losses, [before, after], inferred) = trained(&network);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{kind}: {losses:?}");
        assert!(losses[49] < 0.8 * losses[0], "{kind}: {losses:?}");
        assert!(inferred[1] < 0.9 * inferred[0], "{kind}: {inferred:?}");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.name, after.name);
            assert!(before.values != after.values, "{kind}: `{}` stays as it is", before.name);
        }
        let text = network.to_toml().unwrap();
        assert_eq!(Network::from_toml(&text, None).unwrap(), network, "{kind}");
    }
}

/// A separable convolution is a depthwise one without bias and a convolution by one cell, bit for bit.
#[test]
fn a_separable_convolution_is_two_convolutions() {
    let kernel = "kernel_size = [3, 2]\nstrides = 2\npadding = \"same\"\ndepth_multiplier = 2\n";
    let separable = layer("separable_conv2d", &format!("filters = 6\n{kernel}activation = \"relu\"\nname = \"both\""));
    let depthwise = layer("depthwise_conv2d", &format!("{kernel}use_bias = false\nname = \"first\""));
    let pointwise = layer("conv2d", "filters = 6\nkernel_size = 1\nactivation = \"relu\"\nname = \"second\"");
    let [one, two] = [separable, format!("{depthwise}{pointwise}")].map(|body| trained(&network(&body)));
    let names = |tensors: &[NamedTensor]| tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one.1[0])[..3], ["both/depthwise_kernel", "both/pointwise_kernel", "both/bias"]);
    assert_eq!(names(&two.1[0])[..3], ["first/kernel", "second/kernel", "second/bias"]);
    assert_eq!(one.0, two.0);
    let values = |tensors: &[NamedTensor]| tensors.iter().map(|tensor| tensor.values.clone()).collect::<Vec<_>>();
    assert!(values(&one.1[1]) == values(&two.1[1]));
}

/// The variance of what a frozen normalization gets does not matter to its moving averages, which stay.
#[test]
fn a_frozen_normalization_keeps_all_that_it_has() {
    let conv = layer("conv2d", "filters = 8\nkernel_size = 3\nuse_bias = false");
    let network = network(&format!("{conv}{}", layer("batch_normalization", "trainable = false")));
    let (losses, [before, after], inferred) = trained(&network);
    // In training it computes what it computes in inference.
    assert!((losses[0] - inferred[0]).abs() < 1e-5 * inferred[0], "{} {}", losses[0], inferred[0]);
    for (before, after) in before.iter().zip(&after) {
        let is_frozen = before.name.starts_with("batch_normalization/");
        assert_eq!(before.values == after.values, is_frozen, "{}", before.name);
    }
    assert_eq!(before.iter().filter(|tensor| tensor.name.starts_with("batch_normalization/")).count(), 4);
}

#[test]
fn groups_that_do_not_divide_the_channels_are_an_error() {
    let text = "version = 2\ninput = [8, 8, 6]\n[[layers]]\ntype = \"group_normalization\"\ngroups = 4\n\
                [[layers]]\ntype = \"flatten\"\n";
    let error = Network::from_toml(text, None).unwrap_err().to_string();
    assert!(error.contains("`group_normalization` has 4 groups") && error.contains("[8, 8, 6]"), "{error}");
}

/// The numbers of a convolution in groups, or of one with gaps, are wrong in words before anything is computed.
#[test]
fn options_that_do_not_fit_are_errors() {
    for (kind, options, words) in [
        ("conv2d", "filters = 8\nkernel_size = 3\ngroups = 4", ["has 4 groups", "its 8 filters"]),
        ("conv2d", "filters = 7\nkernel_size = 3\ngroups = 3", ["has 3 groups", "its 7 filters"]),
        ("conv2d", "filters = 8\nkernel_size = 3\ngroups = 0", ["a size of 0", "`x`"]),
        (
            "conv2d",
            "filters = 8\nkernel_size = 3\nstrides = 2\ndilation_rate = 2",
            ["`strides` [2, 2]", "`dilation_rate` [2, 2]"],
        ),
        ("conv2d", "filters = 8\nkernel_size = 3\ndilation_rate = 4", ["a window of [9, 9]", "larger than its input"]),
        ("depthwise_conv2d", "kernel_size = 3\ndilation_rate = 0", ["a size of 0", "`x`"]),
        (
            "conv2d_transpose",
            "filters = 8\nkernel_size = 3\nstrides = 2\noutput_padding = 2",
            ["`output_padding` [2, 2]", "less than"],
        ),
        (
            "conv2d_transpose",
            "filters = 8\nkernel_size = 2\nstrides = 2\npadding = \"same\"\noutput_padding = 0",
            ["`output_padding` [0, 0]", "kernel and strides"],
        ),
        ("cropping2d", "cropping = 4", ["crops [[4, 4], [4, 4]]", "leaves nothing"]),
        ("up_sampling2d", "size = 65", ["`size` can't be 65", "from 1 to 64"]),
        ("up_sampling2d", "interpolation = \"bicubic\"", ["`bicubic`", "`bilinear`"]),
        ("p_re_lu", "shared_axes = [1]", ["`shared_axes` can't be [1]", "[1, 2]"]),
        ("layer_scale", "init_values = nan", ["`init_values` can't be NaN", "finite"]),
        ("elu", "alpha = inf", ["`alpha` can't be inf", "finite"]),
        ("spatial_dropout2d", "rate = 1.0", ["a rate of 1", "less than 1"]),
        ("dropout", "rate = 0.5\nnoise_shape = [1, 1, 3]", ["`noise_shape` can't be [1, 1, 3]", "the channels"]),
    ] {
        let text = format!(
            "version = 2\ninput = [8, 8, 6]\n[[layers]]\nname = \"x\"\ntype = \"{kind}\"\n{options}\n[[layers]]\ntype = \"flatten\"\n"
        );
        let error = Network::from_toml(&text, None).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
}
