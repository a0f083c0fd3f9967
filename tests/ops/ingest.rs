//! Bytes to floats.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Mode, Plan, Target};
use wgrad::ops::{Augmentation, Ingest, MINIBATCH_HEADER};

use crate::harness::{assert_close, gpu, micro_kernels};

#[test]
fn bytes_over_255() {
    for shape in [[1, 1, 1, 1], [2, 3, 3, 3], [1, 5, 7, 3], [3, 4, 4, 1], [2, 16, 16, 3]] {
        for micro_kernel in micro_kernels() {
            for checks in [RuntimeChecks::On, RuntimeChecks::Off] {
                let mut graph =
                    Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
                let minibatch = graph.add_tensor("minibatch", [Ingest::words(shape)], Home::Minibatch);
                let x = graph.ingest(Ingest { output: shape, augmentation: Augmentation::default() }, minibatch);
                let y = graph.add("y", x, x);
                let dispatches = graph.record_forward(Mode::Infer);
                let plan = Plan::new(&graph, dispatches, &[y]).unwrap();
                let program = Program::new(gpu(), &graph, &[&plan], checks).unwrap();
                let bytes: Vec<u8> = (0..shape.iter().product::<usize>()).map(|i| (i * 73 + 9) as u8).collect();
                let mut words = vec![u32::MAX; MINIBATCH_HEADER + shape[0]];
                for quad in bytes.chunks(4) {
                    let mut word = [255; 4];
                    word[..quad.len()].copy_from_slice(quad);
                    words.push(u32::from_le_bytes(word));
                }
                program.fill_slots(f32::NAN);
                program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words));
                program.run(0);
                let found = gpu().block_on(program.read(&graph, &plan, y)).unwrap();
                let expected: Vec<f64> = bytes.iter().map(|b| 2.0 * f64::from(*b) / 255.0).collect();
                assert_close(&format!("ingest {shape:?} ({micro_kernel})"), &found, &expected, 1e-6);
            }
        }
    }
}

/// Where each pixel of `[n, h, w]` images came from, by an image whose red and green are its row and column from 1 on.
fn augmented(augmentation: Augmentation, mode: Mode, update: u32) -> Vec<Option<[i32; 2]>> {
    let shape = [64, 9, 12, 3];
    let micro_kernel = gpu().default_micro_kernel();
    let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
    let minibatch = graph.add_tensor("minibatch", [Ingest::words(shape)], Home::Minibatch);
    let x = graph.ingest(Ingest { output: shape, augmentation }, minibatch);
    let dispatches = graph.record_forward(mode);
    let plan = Plan::new(&graph, dispatches, &[x]).unwrap();
    let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    let mut words = vec![0, 64, 0, 0, update, 3, 0, 0];
    words.resize(MINIBATCH_HEADER + shape[0], 0);
    let pixels: Vec<u8> =
        (0..64 * 9 * 12).flat_map(|pixel| [pixel / 12 % 9 + 1, pixel % 12 + 1, 77].map(|byte| byte as u8)).collect();
    words.extend(pixels.chunks(4).map(|quad| u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]])));
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words));
    program.run(0);
    let found = gpu().block_on(program.read(&graph, &plan, x)).unwrap();
    let place = |pixel: &[f32]| {
        let [y, x, blue] = [0, 1, 2].map(|channel| (pixel[channel] * 255.0).round() as i32);
        assert!(blue == 77 || [y, x, blue] == [0, 0, 0], "{pixel:?}");
        (blue == 77).then_some([y - 1, x - 1])
    };
    found.chunks(3).map(place).collect()
}

#[test]
fn training_images_are_flipped_moved_and_covered() {
    let pixels = |image: usize| image * 108..(image + 1) * 108;
    let flip = augmented(Augmentation { flip: true, ..Default::default() }, Mode::Train, 1);
    let mut flipped = 0;
    for image in 0..64 {
        let mirrored = flip[pixels(image)][0] == Some([0, 11]);
        flipped += usize::from(mirrored);
        for (i, from) in flip[pixels(image)].iter().enumerate() {
            let [y, x] = [i as i32 / 12, i as i32 % 12];
            assert_eq!(*from, Some([y, if mirrored { 11 - x } else { x }]));
        }
    }
    assert!((16..=48).contains(&flipped), "{flipped} of 64 are flipped");

    let crop = augmented(Augmentation { crop: 2, ..Default::default() }, Mode::Train, 1);
    let mut moves = std::collections::BTreeSet::new();
    for image in 0..64 {
        let [y, x] = crop[pixels(image)][4 * 12 + 5].unwrap();
        let by = [y - 4, x - 5];
        assert!(by.iter().all(|by| by.abs() <= 2));
        moves.insert(by);
        for (i, from) in crop[pixels(image)].iter().enumerate() {
            let [y, x] = [i as i32 / 12 + by[0], i as i32 % 12 + by[1]];
            let inside = (0..9).contains(&y) && (0..12).contains(&x);
            assert_eq!(*from, inside.then_some([y, x]));
        }
    }
    assert!(moves.len() > 15, "{moves:?}");

    let cutout = augmented(Augmentation { cutout: 4, ..Default::default() }, Mode::Train, 1);
    for image in 0..64 {
        let covered: Vec<[i32; 2]> = (cutout[pixels(image)].iter().enumerate())
            .filter(|(_, from)| from.is_none())
            .map(|(i, _)| [i as i32 / 12, i as i32 % 12])
            .collect();
        let [rows, columns] = [0, 1].map(|axis| {
            let places = covered.iter().map(|place| place[axis]);
            places.clone().max().unwrap() - places.min().unwrap() + 1
        });
        assert!((2..=4).contains(&rows) && (2..=4).contains(&columns));
        assert_eq!(covered.len() as i32, rows * columns);
    }
}

#[test]
fn each_update_changes_images_anew_and_inference_none() {
    let all = Augmentation { flip: true, crop: 2, cutout: 3 };
    assert_eq!(augmented(all, Mode::Train, 5), augmented(all, Mode::Train, 5));
    assert_ne!(augmented(all, Mode::Train, 5), augmented(all, Mode::Train, 6));
    assert_eq!(augmented(all, Mode::Infer, 5), augmented(Augmentation::default(), Mode::Infer, 5));
}
