//! The conversion of bytes to floats, and the changes that training makes to its images.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::case::{graph, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Home, Mode, Plan};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::ops::{Augmentation, Ingest, PixelScale};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [[1, 1, 1, 1], [2, 3, 3, 3], [1, 5, 7, 3], [3, 4, 4, 1], [2, 16, 16, 3]];
    let bytes = shapes.into_iter().map(|shape| {
        let name = format!("bytes over 255, {shape:?}");
        Case::new(name, move |gpu, micro_kernel| scaled_bytes(gpu, micro_kernel, shape, &over_255(shape)))
    });
    // Each channel has a scale of its own; without a scale bytes stay as they are.
    let each = PixelScale { scale: vec![0.25, -2.0, 1.0 / 127.5], offset: vec![0.0, 7.0, -1.0] };
    let all = PixelScale { scale: vec![1.0 / 127.5; 6], offset: vec![-1.0; 6] };
    let scales = [([2, 3, 3, 3], each), ([2, 3, 2, 6], all), ([1, 5, 7, 2], PixelScale::default())];
    let scales = scales.into_iter().map(|(shape, scale)| {
        let name = format!("scaled bytes, {shape:?}");
        Case::new(name, move |gpu, micro_kernel| scaled_bytes(gpu, micro_kernel, shape, &scale))
    });
    let held = shapes.into_iter().map(|shape| {
        let name = format!("bytes that the device holds, {shape:?}");
        Case::new(name, move |gpu, micro_kernel| held_bytes(gpu, micro_kernel, shape))
    });
    let changes = [
        Case::new("flipped", images_are_flipped),
        Case::new("moved", images_are_moved),
        Case::new("covered", images_are_covered),
        Case::new("changed anew by each update, not in inference", each_update_changes_images_anew),
    ];
    bytes.chain(scales).chain(held).chain(changes).collect()
}

fn over_255([.., channels]: [usize; 4]) -> PixelScale {
    PixelScale { scale: vec![1.0 / 255.0; channels], offset: Vec::new() }
}

fn scaled_bytes(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    shape: [usize; 4],
    scale: &PixelScale,
) -> Result<Vec<Comparison>, ExecError> {
    let bytes: Vec<u8> = (0..shape.iter().product::<usize>()).map(|i| (i * 73 + 9) as u8).collect();
    let run = |checks| -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = graph(micro_kernel, 1);
        let [n, h, w, c] = shape;
        let layout = Minibatch::new(n, [h, w, c]);
        let minibatch = graph.minibatch(layout);
        let x = graph
            .ingest(Ingest { output: shape, augmentation: Augmentation::default(), scale: scale.clone() }, minibatch)?;
        let y = graph.add("y", x, x)?;
        let dispatches = graph.record_forward(Mode::Infer);
        let plan = Plan::new(&graph, dispatches, &[y])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        // All bits of the labels next to the pixels are set, so that one that is read as a pixel shows. Only the first
        // image counts, but all are converted.
        let words = layout.encode(&Step::over(1), &vec![u32::MAX; n], &bytes, usize::MAX)?;
        program.fill_slots(f32::NAN);
        program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words))?;
        program.run(0)?;
        Ok(vec![gpu.block_on(program.read(&graph, &plan, y))?])
    };
    let number = |numbers: &[f64], i: usize, default: f64| numbers.get(i % shape[3]).copied().unwrap_or(default);
    let scaled =
        |(i, byte): (usize, &u8)| f64::from(*byte) * number(&scale.scale, i, 1.0) + number(&scale.offset, i, 0.0);
    let expected: Vec<f64> = bytes.iter().enumerate().map(|byte| 2.0 * scaled(byte)).collect();
    with_and_without_runtime_checks(gpu, run, |y| vec![Comparison::close("forward", "y", &y[0], &expected, 1e-6)])
}

/// The device holds an image more than the minibatch takes, which takes them backwards. The last one does not count.
fn held_bytes(gpu: &Arc<Gpu>, micro_kernel: MicroKernel, shape: [usize; 4]) -> Result<Vec<Comparison>, ExecError> {
    let [n, h, w, c] = shape;
    let counted = n.div_ceil(2);
    let image = h * w * c;
    let bytes: Vec<u8> = (0..(n + 1) * image).map(|i| (i * 73 + 9) as u8).collect();
    let places: Vec<u32> = (0..n as u32).map(|place| n as u32 - place).collect();
    let run = |checks| -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = graph(micro_kernel, 1);
        let layout = Minibatch::new(n, [h, w, c]).beside(n + 1);
        let minibatch = graph.minibatch(layout);
        let ingest = Ingest { output: shape, augmentation: Augmentation::default(), scale: over_255(shape) };
        let x = graph.ingest(ingest, minibatch)?;
        let y = graph.add("y", x, x)?;
        let dispatches = graph.record_forward(Mode::Infer);
        let plan = Plan::new(&graph, dispatches, &[y])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        let step = Step::over(counted as u32);
        let mut words = layout.pieces_held(&step, &vec![u32::MAX; n], &places, usize::MAX)?.concat();
        words.resize(4 * layout.words(), u8::MAX);
        let mut held = bytes.clone();
        held.resize(4 * layout.held_words(), u8::MAX);
        program.fill_slots(f32::NAN);
        program.write(&graph, &plan, minibatch, &bytemuck::pod_collect_to_vec::<u8, f32>(&words))?;
        for images in graph.tensors().filter(|(_, tensor)| tensor.home == Home::Images).map(|(id, _)| id) {
            program.write(&graph, &plan, images, &bytemuck::pod_collect_to_vec::<u8, f32>(&held))?;
        }
        program.run(0)?;
        Ok(vec![gpu.block_on(program.read(&graph, &plan, y))?])
    };
    let value = |(place, i): (usize, usize)| {
        let byte = bytes[places[place] as usize * image + i];
        if place < counted { 2.0 * f64::from(byte) / 255.0 } else { 0.0 }
    };
    let expected: Vec<f64> = (0..n).flat_map(|place| (0..image).map(move |i| (place, i))).map(value).collect();
    with_and_without_runtime_checks(gpu, run, |y| vec![Comparison::close("forward", "y", &y[0], &expected, 1e-6)])
}

const IMAGES: usize = 64;
const H: usize = 9;
const W: usize = 12;

/// The place that a pixel came from; `None` if it is covered or came from outside.
type Place = Option<[i32; 2]>;

/// The place that each pixel of `IMAGES` images came from, or a message about the first pixel that came from no place. Red
/// and green of a pixel are its row and its column, counted from 1.
fn augmented(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    augmentation: Augmentation,
    mode: Mode,
    update: u32,
) -> Result<Result<Vec<Vec<Place>>, String>, ExecError> {
    let shape = [IMAGES, H, W, 3];
    let mut graph = graph(micro_kernel, 1);
    let layout = Minibatch::new(IMAGES, [H, W, 3]);
    let minibatch = graph.minibatch(layout);
    let x = graph.ingest(Ingest { output: shape, augmentation, scale: over_255(shape) }, minibatch)?;
    let dispatches = graph.record_forward(mode);
    let plan = Plan::new(&graph, dispatches, &[x])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    let pixels: Vec<u8> =
        (0..IMAGES * H * W).flat_map(|pixel| [pixel / W % H + 1, pixel % W + 1, 77].map(|byte| byte as u8)).collect();
    let step = Step { update, ..Step::over(IMAGES as u32).seeded(3) };
    let words = layout.encode(&step, &[0; IMAGES], &pixels, 1)?;
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words))?;
    program.run(0)?;
    let found = gpu.block_on(program.read(&graph, &plan, x))?;
    let place = |pixel: &[f32]| match [0, 1, 2].map(|channel| (pixel[channel] * 255.0).round()) {
        [y, x, 77.0] => Ok(Some([y as i32 - 1, x as i32 - 1])),
        [0.0, 0.0, 0.0] => Ok(None),
        other => Err(format!("a pixel is {other:?}, which is none of the image's")),
    };
    let places: Result<Vec<Place>, String> = found.chunks(3).map(place).collect();
    Ok(places.map(|places| places.chunks(H * W).map(<[Place]>::to_vec).collect()))
}

/// Row and column of a place in an image.
fn place(i: usize) -> [i32; 2] {
    [(i / W) as i32, (i % W) as i32]
}

/// Turns what `judge` finds wrong with augmented images into a comparison.
fn judged(
    images: Result<Vec<Vec<Place>>, String>,
    judge: impl Fn(&[Vec<Place>]) -> Vec<String>,
) -> Result<Vec<Comparison>, ExecError> {
    let wrong = images.map_or_else(|wrong| vec![wrong], |images| judge(&images));
    Ok(vec![Comparison::exact(wrong)])
}

fn images_are_flipped(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let flip = Augmentation { flip: true, ..Default::default() };
    judged(augmented(gpu, micro_kernel, flip, Mode::Train, 1)?, |images| {
        let last = W as i32 - 1;
        let mut wrong = Vec::new();
        let mut flipped = 0;
        for image in images {
            let mirrored = image[0] == Some([0, last]);
            flipped += usize::from(mirrored);
            for (i, from) in image.iter().enumerate() {
                let [y, x] = place(i);
                let expected = Some([y, if mirrored { last - x } else { x }]);
                if *from != expected {
                    wrong.push(format!("pixel {:?} is from {from:?}, expected {expected:?}", [y, x]));
                }
            }
        }
        if !(16..=48).contains(&flipped) {
            wrong.push(format!("{flipped} of {IMAGES} images are flipped"));
        }
        wrong
    })
}

fn images_are_moved(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let crop = Augmentation { crop: 2, ..Default::default() };
    judged(augmented(gpu, micro_kernel, crop, Mode::Train, 1)?, |images| {
        let mut wrong = Vec::new();
        let mut moves = BTreeSet::new();
        for image in images {
            let middle = 4 * W + 5;
            let Some(from) = image[middle] else {
                wrong.push("the middle of an image is from outside".to_owned());
                continue;
            };
            let by = [0, 1].map(|axis| from[axis] - place(middle)[axis]);
            if by.iter().any(|by| by.abs() > 2) {
                wrong.push(format!("an image is moved by {by:?}, expected at most 2"));
            }
            moves.insert(by);
            for (i, from) in image.iter().enumerate() {
                let [y, x] = [0, 1].map(|axis| place(i)[axis] + by[axis]);
                let inside = (0..H as i32).contains(&y) && (0..W as i32).contains(&x);
                let expected = inside.then_some([y, x]);
                if *from != expected {
                    wrong.push(format!("pixel {:?} is from {from:?}, expected {expected:?}", place(i)));
                }
            }
        }
        if moves.len() <= 15 {
            wrong.push(format!("images are moved in {} ways only", moves.len()));
        }
        wrong
    })
}

fn images_are_covered(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let cutout = Augmentation { cutout: 4, ..Default::default() };
    judged(augmented(gpu, micro_kernel, cutout, Mode::Train, 1)?, |images| {
        let rectangle = |image: &Vec<Place>| {
            let covered: Vec<[i32; 2]> = (0..H * W).filter(|i| image[*i].is_none()).map(place).collect();
            let extent = |axis: usize| {
                let places = covered.iter().map(|place| place[axis]);
                places.clone().max().zip(places.min()).map_or(0, |(last, first)| last - first + 1)
            };
            let [rows, columns] = [extent(0), extent(1)];
            let right = (2..=4).contains(&rows)
                && (2..=4).contains(&columns)
                && covered.len() as i32 == rows * columns
                && (0..H * W).all(|i| image[i].is_none_or(|from| from == place(i)));
            (!right).then(|| format!("{} pixels over {rows} rows and {columns} columns are covered", covered.len()))
        };
        images.iter().filter_map(rectangle).collect()
    })
}

fn each_update_changes_images_anew(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let all = Augmentation { flip: true, crop: 2, cutout: 3 };
    let of = |augmentation, mode, update| augmented(gpu, micro_kernel, augmentation, mode, update);
    let mut wrong = Vec::new();
    let first = of(all, Mode::Train, 5)?;
    if first != of(all, Mode::Train, 5)? {
        wrong.push("one update changes images otherwise the second time".to_owned());
    }
    if first == of(all, Mode::Train, 6)? {
        wrong.push("the next update changes images the same".to_owned());
    }
    if of(all, Mode::Infer, 5)? != of(Augmentation::default(), Mode::Infer, 5)? {
        wrong.push("inference changes images".to_owned());
    }
    wrong.extend(first.err());
    Ok(vec![Comparison::exact(wrong)])
}
