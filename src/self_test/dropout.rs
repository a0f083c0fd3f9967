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
use crate::ops::Noise;

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
    (shape, rate, noise): (&[usize], f64, Noise),
    drawn: Drawn,
) -> Result<Dropped, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    let minibatch = graph.minibatch(Minibatch::new(1, [0; 3]));
    let [a, b, dy] = ["half", "half", "dy"].map(|name| graph.input(name, shape.to_vec()));
    let x = graph.add("x", a, b)?;
    let add = match noise {
        Noise::Elements => Graph::dropout,
        Noise::Channels => Graph::dropout_of_channels,
        Noise::Images => Graph::dropout_of_images,
    };
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
    let of = |noise, shapes: &[(&[usize], f64)]| {
        shapes.iter().map(|(shape, rate)| (shape.to_vec(), *rate, noise)).collect::<Vec<_>>()
    };
    let elements = of(Noise::Elements, &[(&[64, 63], 0.5), (&[40, 101], 0.2), (&[3, 5], 0.0), (&[9, 1], 0.9)]);
    let channels = of(Noise::Channels, &[(&[300, 2, 3, 7], 0.5), (&[250, 3, 1, 8], 0.2), (&[3, 2, 2, 5], 0.0)]);
    let images = of(Noise::Images, &[(&[2000, 5], 0.5), (&[1500, 8], 0.2), (&[3, 70], 0.0)]);
    let shares = elements.into_iter().chain(channels).chain(images).map(|(shape, rate, noise)| {
        let name = format!("{rate} of the {noise:?} of {shape:?}");
        Case::new(name, move |gpu, micro_kernel| {
            drops_its_share_and_scales_the_rest(gpu, micro_kernel, (&shape, rate, noise))
        })
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
    (shape, rate, noise): (&[usize], f64, Noise),
) -> Result<Vec<Comparison>, ExecError> {
    let drawn = Drawn { update: 7, seed: 1 << 40 };
    let Dropped { x, y, z, dx } = run(gpu, micro_kernel, Mode::Train, (shape, rate, noise), drawn)?;
    let scale = 1.0 / (1.0 - rate);
    let expected = |value: f64, y: f32| if y == 0.0 { 0.0 } else { value * scale };
    let expected_y: Vec<f64> = x.iter().zip(&y).map(|(x, y)| expected(f64::from(*x), *y)).collect();
    let expected_dx: Vec<f64> = y.iter().map(|y| expected(1.0, *y)).collect();
    let mut wrong = Vec::new();
    // Where the first element is that is drawn together with each.
    let (image, columns) = (x.len() / shape[0], shape[shape.len() - 1]);
    let first = |i: usize| match noise {
        Noise::Elements => i,
        Noise::Channels => i / image * image + i % columns,
        Noise::Images => i / image * image,
    };
    let drawn = |y: &[f32]| {
        let kept = kept(y);
        (0..y.len()).filter(|i| first(*i) == *i).map(|i| kept[i]).collect::<Vec<bool>>()
    };
    if [kept(&y), kept(&z)].iter().any(|kept| (0..kept.len()).any(|i| kept[i] != kept[first(i)])) {
        wrong.push("a part of what belongs together is dropped".to_owned());
    }
    if x.len() > 1000 {
        // Five standard deviations of a binomial distribution.
        let n = drawn(&y).len() as f64;
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
        let dropped = run(gpu, micro_kernel, Mode::Train, (&[32, 32], 0.5, Noise::Elements), Drawn { update, seed })?;
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
    let Dropped { x, y, .. } = run(gpu, micro_kernel, Mode::Infer, (&[7, 9], 0.5, Noise::Elements), drawn)?;
    Ok(vec![Comparison::same_values("y", &y, &x)])
}
