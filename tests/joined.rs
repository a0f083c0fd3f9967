//! Dispatches that run as one, at once or one after the other, compute the bits that they compute by themselves.

use std::sync::Arc;

use wgrad::exec::Program;
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{Arena, Dispatch, Mode, Plan, Target};
use wgrad::kernel::MicroKernel;
use wgrad::minibatch::{Minibatch, Step};
use wgrad::model::{Built, Network, Sequential};

const BATCH: usize = 5;
const INPUT: [usize; 3] = [10, 10, 3];
const CLASSES: usize = 6;

/// A dense layer behind a convolution and one behind global pooling, each with the loss; and layers whose gradients have
/// a relu, a pooling or nothing in front of them.
fn networks() -> [Sequential; 3] {
    let begin = || Sequential::new(INPUT).rescaling(1.0 / 255.0);
    [
        begin().conv2d(7, 3).relu().max_pool2d(2).flatten().dense(18).relu().dense(CLASSES),
        begin().conv2d(20, 3).relu().global_average_pool2d().dense(CLASSES),
        begin().conv2d(5, 3).flatten().dense(300).dense(9).relu().dense(CLASSES),
    ]
}

/// The names of what runs as one, and the bits of the loss and of all gradients.
fn train(gpu: &Arc<Gpu>, network: &Network, target: Target, joins: bool) -> (Vec<Vec<String>>, Vec<u32>) {
    let Built { mut graph, minibatch, loss, .. } = network.build(BATCH, target).unwrap();
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
    let plan = match joins {
        true => Plan::joined(&graph, dispatches, &[]),
        false => Plan::new(&graph, dispatches, &[]),
    };
    let plan = plan.unwrap();
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::default()).unwrap();
    program.fill_slots(f32::NAN);
    let pixels: Vec<u8> = (0..(BATCH * 300) as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i * 5 % CLASSES as u32).collect();
    let words = Minibatch::new(BATCH, INPUT).encode(&Step::over(BATCH as u32), &labels, &pixels, CLASSES).unwrap();
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words)).unwrap();
    for (number, variable) in graph.variables().iter().enumerate() {
        let len = variable.shape().iter().product::<usize>() as u32;
        let value = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(number as u32 * 977) >> 16) as f32 / 1e5 - 0.3;
        program.write_variable(&graph, Arena::Weights, variable, &(0..len).map(value).collect::<Vec<f32>>()).unwrap();
    }
    program.run(0).unwrap();
    let mut floats = gpu.block_on(program.read(&graph, &plan, loss)).unwrap();
    // The slots of other steps hold nothing.
    floats.truncate(4);
    for variable in graph.variables() {
        floats.extend(gpu.block_on(program.read_gradient(&graph, &plan, variable)).unwrap());
    }
    let names = |dispatch: &Dispatch| dispatch.members().iter().map(|member| member.name().to_owned()).collect();
    let joined = plan.dispatches().iter().filter(|dispatch| dispatch.members().len() > 1).map(names).collect();
    (joined, floats.into_iter().map(f32::to_bits).collect())
}

#[test]
fn dispatches_that_run_as_one_compute_the_same_bits() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    // What stands at the end of each network runs as one, if its products are rows.
    let heads = [3, 3, 5];
    // Where a dispatch binds few buffers, less of it does.
    let most_buffers = gpu.limits().max_storage_buffers_per_shader_stage;
    for (network, head) in networks().into_iter().zip(heads) {
        let network = network.into();
        for kernel in [MicroKernel::Row1x2048, MicroKernel::Direct] {
            let target = Target { most_buffers, ..Target::new(kernel, 8) };
            let (joined, bits) = train(&gpu, &network, target, true);
            let (none, expected) = train(&gpu, &network, target, false);
            assert!(none.is_empty() && !joined.is_empty());
            if kernel == MicroKernel::Row1x2048 && most_buffers >= 16 {
                assert_eq!(joined[0].len(), head, "{joined:?}");
            }
            assert!(expected.iter().all(|bits| f32::from_bits(*bits).is_finite()));
            if gpu.is_software() {
                assert!(bits == expected, "{kernel}: {joined:?}");
            }
            for (found, expected) in bits.iter().zip(&expected).map(|(a, b)| (f32::from_bits(*a), f32::from_bits(*b))) {
                assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1e-2), "{found}, expected {expected}");
            }
        }
    }
}
