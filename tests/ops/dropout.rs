//! Dropout: what is dropped, how the rest is scaled, that the gradient drops the same, and that inference drops nothing.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Mode, Plan, Target};
use wgrad::kernel::MicroKernel;
use wgrad::ops::MINIBATCH_HEADER;

use crate::harness::{distinct, gpu, micro_kernels};

struct Drawn {
    update: u32,
    seed: u64,
}

/// Input, output of two dropouts of it, and the gradient of the input where the first alone has one, of 1.
fn run(micro_kernel: MicroKernel, mode: Mode, shape: [usize; 2], rate: f64, drawn: &Drawn) -> [Vec<f32>; 4] {
    let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
    let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
    let [a, b, dy] = ["half", "half", "dy"].map(|name| graph.input(name, shape));
    let x = graph.add("x", a, b);
    let y = graph.dropout("y", rate, x, minibatch);
    let z = graph.dropout("z", rate, x, minibatch);
    let mut dispatches = graph.record_forward(mode);
    let mut keep = vec![y, z];
    if mode == Mode::Train {
        let (backward, gradients) = graph.record_backward(&[(y, dy)], &[a]);
        dispatches.extend(backward);
        keep.push(gradients[&a]);
    }
    let plan = Plan::new(&graph, dispatches, &keep).unwrap();
    let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    program.fill_slots(f32::NAN);
    let values = distinct(shape.iter().product(), 3);
    program.write(&graph, &plan, a, &values);
    program.write(&graph, &plan, b, &vec![0.0; values.len()]);
    program.write(&graph, &plan, dy, &vec![1.0; values.len()]);
    let header = [0, 1, 0, 0, drawn.update, drawn.seed as u32, (drawn.seed >> 32) as u32, 0];
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&header));
    program.run(0);
    let mut read = keep.iter().map(|tensor| gpu().block_on(program.read(&graph, &plan, *tensor)).unwrap());
    let [y, z] = [0, 1].map(|_| read.next().unwrap());
    [values, y, z, read.next().unwrap_or_default()]
}

fn kept(y: &[f32]) -> Vec<bool> {
    y.iter().map(|y| *y != 0.0).collect()
}

#[test]
fn drops_its_share_and_scales_the_rest() {
    for micro_kernel in micro_kernels() {
        for (shape, rate) in [([64, 63], 0.5), ([40, 101], 0.2), ([3, 5], 0.0), ([9, 1], 0.9)] {
            let drawn = Drawn { update: 7, seed: 1 << 40 };
            let [x, y, z, dx] = run(micro_kernel, Mode::Train, shape, rate, &drawn);
            let scale = 1.0 / (1.0 - rate);
            for ((x, y), dx) in x.iter().zip(&y).zip(&dx) {
                let wanted = if *y == 0.0 { [0.0, 0.0] } else { [f64::from(*x) * scale, scale] };
                assert!((f64::from(*y) - wanted[0]).abs() <= 1e-6 * scale, "{x} became {y}");
                assert!((f64::from(*dx) - wanted[1]).abs() <= 1e-6 * scale, "gradient {dx} where {x} became {y}");
            }
            if x.len() > 1000 {
                // Five standard deviations of a binomial distribution.
                let n = x.len() as f64;
                let bound = 5.0 * (rate * (1.0 - rate) / n).sqrt();
                let share = |kept: Vec<bool>| kept.iter().filter(|kept| !**kept).count() as f64 / n;
                assert!((share(kept(&y)) - rate).abs() < bound, "{}", share(kept(&y)));
                // Dropped in both: the two are independent.
                let both = kept(&y).iter().zip(kept(&z)).map(|(y, z)| *y || z).collect();
                assert!((share(both) - rate * rate).abs() < bound);
            }
        }
    }
}

#[test]
fn a_function_of_seed_and_update() {
    let drawn = |update, seed| {
        let [_, y, ..] = run(gpu().default_micro_kernel(), Mode::Train, [32, 32], 0.5, &Drawn { update, seed });
        kept(&y)
    };
    let first = drawn(1, 1);
    assert_eq!(first, drawn(1, 1));
    for other in [drawn(2, 1), drawn(1, 2), drawn(1, 1 + (1 << 32))] {
        let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!((412..=612).contains(&same), "{same} of 1024 are the same");
    }
}

#[test]
fn inference_drops_nothing() {
    for micro_kernel in micro_kernels() {
        let [x, y, ..] = run(micro_kernel, Mode::Infer, [7, 9], 0.5, &Drawn { update: 0, seed: 0 });
        assert_eq!(x, y, "{micro_kernel}");
    }
}
