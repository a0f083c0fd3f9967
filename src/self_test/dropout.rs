//! Dropout: what is dropped, how the rest is scaled, that the gradient drops the same, and that inference drops nothing.

use std::sync::Arc;

use super::case::{distinct, graph};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, Mode, Plan};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};

const LIMIT: f64 = 1e-6;

/// The numbers that determine which elements are dropped.
#[derive(Clone, Copy)]
struct Drawn {
    update: u32,
    seed: u64,
}

/// An input, two dropouts of it, and the gradient of the input if the gradient of the first dropout is 1 and the second
/// has none.
struct Dropped {
    x: Vec<f32>,
    y: Vec<f32>,
    z: Vec<f32>,
    dx: Vec<f32>,
}

fn run(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    mode: Mode,
    (shape, rate, images): ([usize; 2], f64, bool),
    drawn: Drawn,
) -> Result<Dropped, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    let minibatch = graph.minibatch(Minibatch::new(1, [0; 3]));
    let [a, b, dy] = ["half", "half", "dy"].map(|name| graph.input(name, shape));
    let x = graph.add("x", a, b)?;
    let add = if images { Graph::dropout_of_images } else { Graph::dropout };
    let y = add(&mut graph, "y", rate, x, minibatch)?;
    let z = add(&mut graph, "z", rate, x, minibatch)?;
    let mut dispatches = graph.record_forward(mode);
    let mut keep = vec![y, z];
    if mode == Mode::Train {
        let (backward, gradients) = graph.record_backward(&[(y, dy)], &[a])?;
        dispatches.extend(backward);
        keep.push(gradients[&a]);
    }
    let plan = Plan::new(&graph, dispatches, &keep)?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    program.fill_slots(f32::NAN);
    let values = distinct(shape.iter().product(), 3);
    program.write(&graph, &plan, a, &values)?;
    program.write(&graph, &plan, b, &vec![0.0; values.len()])?;
    program.write(&graph, &plan, dy, &vec![1.0; values.len()])?;
    let step = Step { update: drawn.update, ..Step::over(1).seeded(drawn.seed) };
    let words = Minibatch::new(1, [0; 3]).encode(&step, &[0], &[], 1)?;
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words))?;
    program.run(0)?;
    let read = |tensor| gpu.block_on(program.read(&graph, &plan, tensor));
    let dx = keep.get(2).map_or(Ok(Vec::new()), |dx| read(*dx))?;
    Ok(Dropped { x: values, y: read(y)?, z: read(z)?, dx })
}

fn kept(y: &[f32]) -> Vec<bool> {
    y.iter().map(|y| *y != 0.0).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let elements = [([64, 63], 0.5), ([40, 101], 0.2), ([3, 5], 0.0), ([9, 1], 0.9)].map(|(s, r)| (s, r, false));
    let images = [([2000, 5], 0.5), ([1500, 8], 0.2), ([3, 70], 0.0)].map(|(shape, rate)| (shape, rate, true));
    let shares = elements.into_iter().chain(images).map(|options| {
        let (shape, rate, images) = options;
        let name = format!("{rate} of {}{shape:?}", if images { "the images of " } else { "" });
        Case::new(name, move |gpu, micro_kernel| drops_its_share_and_scales_the_rest(gpu, micro_kernel, options))
    });
    let others = [
        Case::new("a function of seed and update", a_function_of_seed_and_update),
        Case::new("inference drops nothing", inference_drops_nothing),
    ];
    shares.chain(others).collect()
}

fn drops_its_share_and_scales_the_rest(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    (shape, rate, images): ([usize; 2], f64, bool),
) -> Result<Vec<Comparison>, ExecError> {
    let drawn = Drawn { update: 7, seed: 1 << 40 };
    let Dropped { x, y, z, dx } = run(gpu, micro_kernel, Mode::Train, (shape, rate, images), drawn)?;
    let scale = 1.0 / (1.0 - rate);
    let expected = |value: f64, y: f32| if y == 0.0 { 0.0 } else { value * scale };
    let expected_y: Vec<f64> = x.iter().zip(&y).map(|(x, y)| expected(f64::from(*x), *y)).collect();
    let expected_dx: Vec<f64> = y.iter().map(|y| expected(1.0, *y)).collect();
    let mut wrong = Vec::new();
    // What is drawn, of which each image has one element or one for each column.
    let step = if images { shape[1] } else { 1 };
    let drawn = |y: &[f32]| kept(y).into_iter().step_by(step).collect::<Vec<bool>>();
    if images && [&y, &z].into_iter().any(|y| kept(y).chunks(step).any(|image| image.iter().any(|k| *k != image[0]))) {
        wrong.push("a part of an image is dropped".to_owned());
    }
    if x.len() > 1000 {
        // Five standard deviations of a binomial distribution.
        let n = (x.len() / step) as f64;
        let bound = 5.0 * (rate * (1.0 - rate) / n).sqrt();
        // Dropped in both: the two are independent.
        let both = drawn(&y).iter().zip(drawn(&z)).map(|(y, z)| *y || z).collect();
        for (what, kept, wanted) in [("once", drawn(&y), rate), ("twice", both, rate * rate)] {
            let share = kept.iter().filter(|kept| !**kept).count() as f64 / n;
            if (share - wanted).abs() >= bound {
                wrong.push(format!("a share of {share} is dropped {what}, expected {wanted}"));
            }
        }
    }
    Ok(vec![
        Comparison::close("forward", "y", &y, &expected_y, LIMIT),
        Comparison::close("gradient", "dx", &dx, &expected_dx, LIMIT),
        Comparison::exact(wrong),
    ])
}

fn a_function_of_seed_and_update(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let drawn = |update, seed| -> Result<Vec<bool>, ExecError> {
        let dropped = run(gpu, micro_kernel, Mode::Train, ([32, 32], 0.5, false), Drawn { update, seed })?;
        Ok(kept(&dropped.y))
    };
    let first = drawn(1, 1)?;
    let mut wrong = Vec::new();
    if first != drawn(1, 1)? {
        wrong.push("one seed drops other elements the second time".to_owned());
    }
    for (update, seed) in [(2, 1), (1, 2), (1, 1 + (1 << 32))] {
        let same = first.iter().zip(drawn(update, seed)?).filter(|(a, b)| *a == b).count();
        if !(412..=612).contains(&same) {
            wrong.push(format!("{same} of 1024 are the same for update {update} of seed {seed}"));
        }
    }
    Ok(vec![Comparison::exact(wrong)])
}

fn inference_drops_nothing(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let drawn = Drawn { update: 0, seed: 0 };
    let Dropped { x, y, .. } = run(gpu, micro_kernel, Mode::Infer, ([7, 9], 0.5, false), drawn)?;
    Ok(vec![Comparison::same_values("y", &y, &x)])
}
