//! Activations that are larger than a binding: the same bits as in one.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{ExecError, Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::graph::Home;
use wgrad::model::layers::{
    Activation, Add, AveragePooling2d, BatchNormalization, Conv2d, Dense, DepthwiseConv2d, Flatten, MaxPooling2d,
    Rescaling,
};
use wgrad::model::{self, Functional, ModelError, Network};
use wgrad::ops::Padding;

const BATCH: usize = 4;
const INPUT: [usize; 3] = [18, 18, 3];

fn network() -> Result<Network, ModelError> {
    let convolution = |filters| Conv2d { padding: Padding::Same, ..Conv2d::new(filters, 3) };
    let relu = || Activation::new(model::Activation::Relu);
    let mut net = Functional::new(INPUT);
    let x = net.apply(Rescaling::new(1.0 / 255.0), [net.input()])?;
    let x = net.apply(convolution(12), [x])?;
    let x = net.apply(BatchNormalization::default(), [x])?;
    let x = net.apply(relu(), [x])?;
    let y = net.apply(DepthwiseConv2d { padding: Padding::Same, ..DepthwiseConv2d::new(3) }, [x])?;
    let y = net.apply(BatchNormalization::default(), [y])?;
    let y = net.apply(Activation::new(model::Activation::Relu6), [y])?;
    let y = net.apply(convolution(12), [y])?;
    let y = net.apply(Add {}, [y, x])?;
    let y = net.apply(MaxPooling2d::new(3), [y])?;
    let y = net.apply(convolution(10), [y])?;
    let y = net.apply(relu(), [y])?;
    let y = net.apply(AveragePooling2d::new(2), [y])?;
    let y = net.apply(Flatten {}, [y])?;
    let y = net.apply(Dense::new(7), [y])?;
    Ok(net.output(y))
}

fn batch(step: usize) -> Batch {
    let pixels = 0..(BATCH * INPUT.iter().product::<usize>()) as u32;
    let pixels = pixels.map(|i| ((i + 977 * step as u32).wrapping_mul(2_654_435_761) >> 24) as u8);
    let labels = (0..BATCH).map(|i| ((i + step) * 7 % 5) as u32);
    Batch { pixels: pixels.collect(), labels: labels.collect(), len: BATCH }
}

/// Bits of all weights and of the optimizer's state after some steps, and of the losses and an evaluation.
fn train(gpu: &Gpu, executor: &mut Executor) -> Vec<u32> {
    for step in 0..4 {
        gpu.block_on(executor.train_step(&batch(step))).unwrap();
    }
    gpu.block_on(executor.eval_step(&batch(9))).unwrap();
    let metrics = gpu.block_on(executor.metrics()).unwrap();
    let state = gpu.block_on(executor.training_state()).unwrap();
    let floats = state.parameters.iter().chain(&state.optimizer).flat_map(|tensor| tensor.values.iter().copied());
    floats.chain(metrics.iter().map(|step| step.loss as f32)).map(f32::to_bits).collect()
}

/// On a software adapter the bits are equal, while a GPU's compiler may round otherwise.
fn compare(gpu: &Gpu, found: &[u32], expected: &[u32]) {
    assert_eq!(found.len(), expected.len());
    if gpu.is_software() {
        let other = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
        assert_eq!(other, 0, "of {}", found.len());
    }
    for (found, expected) in found.iter().zip(expected) {
        let [found, expected] = [*found, *expected].map(f32::from_bits);
        assert!((found - expected).abs() <= 1e-3 * expected.abs().max(1e-2), "{found}, expected {expected}");
    }
}

fn options(binding_bytes: Option<u64>, image_bytes: Option<u64>) -> Options {
    Options { batch_size: BATCH, binding_bytes, image_bytes, ..Options::default() }
}

#[test]
fn training_does_not_depend_on_the_size_of_bindings() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    if gpu.limits().max_storage_buffers_per_shader_stage < 16 {
        // Four parts of each tensor need more; the next test is for such devices.
        return;
    }
    let whole = train(&gpu, &mut Executor::new(gpu.clone(), &network().unwrap(), options(None, None)).unwrap());
    // The largest activation has 62,208 bytes.
    let limits = [(Some(40_000), None), (Some(40_000), Some(30_000)), (Some(20_000), Some(1))];
    for (i, (binding_bytes, image_bytes)) in limits.into_iter().enumerate() {
        let options = options(binding_bytes, image_bytes);
        let mut executor = Executor::new(gpu.clone(), &network().unwrap(), options).unwrap();
        let graph = executor.graph();
        let bindings = [executor.train_plan(), executor.infer_plan()].map(|plan| plan.dispatches().to_vec()).concat();
        let bindings: Vec<_> = bindings.iter().flat_map(|dispatch| dispatch.bindings().to_vec()).collect();
        let most = binding_bytes.unwrap() / 256 * 256;
        let mut written = 0;
        for binding in &bindings {
            let tensor = graph.tensor(binding.tensor);
            if graph.tensor(graph.root(binding.tensor)).home != Home::Slot {
                continue;
            }
            let bytes = tensor.bytes();
            if binding.storage.is_image() {
                assert!(bytes <= image_bytes.unwrap_or(u64::MAX), "{}", tensor.name);
            } else {
                assert_eq!(u64::from(binding.parts), bytes.div_ceil(most), "{}", tensor.name);
            }
            // Kernels write what is between them to buffers, wherever others read it.
            if bytes > most && binding.access.writes() {
                assert!(binding.parts > 1, "{}", tensor.name);
                written += 1;
            }
            // What fits no image is read in parts too.
            if bytes > most && image_bytes.is_some_and(|most| bytes > most) {
                assert!(binding.parts > 1, "{}", tensor.name);
            }
        }
        // The first convolution and its normalization, forward and backward.
        assert!(written >= 4, "{written}");
        let parts = bindings.iter().map(|binding| binding.parts).max();
        assert_eq!(parts, Some([2, 2, 4][i]));
        compare(&gpu, &train(&gpu, &mut executor), &whole);
    }
}

/// WebGPU's default allows 8 buffers, of which a normalization would need 10.
#[test]
fn training_does_not_depend_on_the_number_of_buffers_that_a_shader_may_bind() {
    let choice = AdapterChoice { default_limits: true, ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let [whole, parts] = [None, Some(40_000)].map(|binding_bytes| {
        let mut executor = Executor::new(gpu.clone(), &network().unwrap(), options(binding_bytes, None)).unwrap();
        let dispatches = executor.train_plan().dispatches().iter();
        let parts = dispatches.filter(|dispatch| dispatch.bindings().iter().any(|binding| binding.part.is_some()));
        let parts: Vec<String> = parts.map(|dispatch| dispatch.name().into()).collect();
        (parts, train(&gpu, &mut executor))
    });
    assert_eq!(whole.0, [""; 0]);
    assert!(parts.0.contains(&"d conv2d, part 1".into()) && parts.0.contains(&"d conv2d, part 2".into()), "{parts:?}");
    compare(&gpu, &parts.1, &whole.1);
}

/// A shader may not have as many bindings as the parts of its tensors would need.
#[test]
fn a_batch_with_too_many_parts_is_refused() {
    // A GPU may allow a million bindings.
    let webgpu = AdapterChoice { default_limits: true, ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&webgpu).unwrap());
    let most = gpu.limits().max_storage_buffers_per_shader_stage;
    let of = |batch_size| Options { batch_size, ..options(Some(64 << 10), Some(1)) };
    let network = network().unwrap();
    let largest = Executor::largest_batch(&gpu, &network, &of(1)).unwrap();
    assert!(largest > BATCH && largest < 100_000, "{largest}");
    let error = Executor::new(gpu.clone(), &network, of(largest + 1)).unwrap_err();
    assert!(matches!(error, ExecError::BatchSize { largest: found, .. } if found == largest), "{error}");
    let error = error.to_string();
    assert!(error.contains(&format!("more than the {most} that this adapter allows")), "{error}");
    assert!(error.contains("storage buffers") && error.contains("max_storage_buffers_per_shader_stage"), "{error}");
}
