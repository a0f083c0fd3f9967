//! Adam against its formula in f64, over several steps and sizes.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Mode, Plan, Target};
use wgrad::kernel::MicroKernel;
use wgrad::ops::{Conv2d, MINIBATCH_HEADER, Padding};
use wgrad::optim::Adam;

use crate::harness::{assert_close, distinct, gpu, micro_kernels};

#[test]
fn five_steps() {
    for weight_decay in [0.0, 0.5] {
        five_steps_with(weight_decay);
    }
}

fn five_steps_with(weight_decay: f64) {
    for shape in [vec![1, 1], vec![3, 5], vec![3, 3, 2, 7], vec![64, 64], vec![70, 66]] {
        for micro_kernel in micro_kernels() {
            let bits = [RuntimeChecks::On, RuntimeChecks::Off].map(|checks| {
                let mut graph =
                    Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
                let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
                graph.add_parameter("layer", shape.clone(), true);
                let adam = Adam { weight_decay, ..Adam::default() };
                let (dispatches, (blocks, block_values)) = adam.record(&mut graph, minibatch);
                let plan = Plan::new(&graph, dispatches, &[]).unwrap();
                let program = Program::new(gpu(), &graph, &[&plan], checks).unwrap();
                program.write(&graph, &plan, blocks, &block_values);
                let parameter = graph.parameters()[0].clone();
                let start = distinct(parameter.len(), 1);
                program.write(&graph, &plan, parameter.weights, &parameter.pad(&start));
                let mut w: Vec<f64> = start.iter().map(|w| f64::from(*w)).collect();
                let mut m = vec![0.0; w.len()];
                let mut v = vec![0.0; w.len()];
                for t in 1..=5 {
                    let dw: Vec<f32> = distinct(w.len(), t + 1).iter().map(|g| g * 0.01).collect();
                    program.write(&graph, &plan, parameter.gradient, &parameter.pad(&dw));
                    let header = [0, 0, adam.alpha(t as u64).to_bits(), adam.decay().to_bits()];
                    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&header));
                    program.run(0);
                    let corrected = (1.0 - 0.999_f64.powi(t as i32)).sqrt() / (1.0 - 0.9_f64.powi(t as i32));
                    for i in 0..w.len() {
                        let g = f64::from(dw[i]);
                        m[i] = 0.9 * m[i] + 0.1 * g;
                        v[i] = 0.999 * v[i] + 0.001 * g * g;
                        w[i] -= 1e-3 * weight_decay * w[i];
                        w[i] -= 1e-3 * corrected * m[i] / (v[i].sqrt() + 1e-7);
                    }
                }
                let rows = gpu().block_on(program.read(&graph, &plan, parameter.weights)).unwrap();
                let found = parameter.unpad(&rows);
                let moved: Vec<f32> = found.iter().zip(&start).map(|(w, s)| w - s).collect();
                let expected: Vec<f64> = w.iter().zip(&start).map(|(w, s)| w - f64::from(*s)).collect();
                // Weights near 1 are kept to 6e-8, and they moved by 5e-3.
                assert_close(&format!("adam {shape:?} ({micro_kernel})"), &moved, &expected, 1e-4);
                found.iter().map(|w| w.to_bits()).collect::<Vec<_>>()
            });
            assert_eq!(bits[0], bits[1]);
        }
    }
}

/// A frozen layer keeps its weights, whatever its gradient's place holds; its neighbours are updated.
#[test]
fn frozen_weights_stay() {
    for micro_kernel in micro_kernels() {
        let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
        let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
        for layer in ["before", "frozen", "after"] {
            graph.add_parameter(layer, vec![5, 30], true);
        }
        graph.freeze("frozen");
        let adam = Adam { weight_decay: 0.1, ..Adam::default() };
        let (dispatches, (blocks, block_values)) = adam.record(&mut graph, minibatch);
        let plan = Plan::new(&graph, dispatches, &[]).unwrap();
        let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
        program.write(&graph, &plan, blocks, &block_values);
        let header = [0, 0, adam.alpha(1).to_bits(), adam.decay().to_bits()];
        program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&header));
        let start = distinct(180, 1);
        for parameter in graph.parameters() {
            program.write(&graph, &plan, parameter.weights, &parameter.pad(&start));
            program.write(
                &graph,
                &plan,
                parameter.gradient,
                &vec![if parameter.trainable { 1.0 } else { f32::NAN }; 270],
            );
        }
        program.run(0);
        for parameter in graph.parameters() {
            let rows = gpu().block_on(program.read(&graph, &plan, parameter.weights)).unwrap();
            let moved = parameter.unpad(&rows).iter().zip(&start).filter(|(w, s)| w != s).count();
            assert_eq!(moved, if parameter.trainable { 180 } else { 0 }, "{} ({micro_kernel})", parameter.layer);
        }
    }
}

/// Kernels of two convolutions whose gradients are in parts, around one that has none.
const KERNELS: [[usize; 4]; 3] = [[3, 3, 3, 6], [1, 1, 4, 4], [2, 2, 6, 20]];

fn in_parts(micro_kernel: MicroKernel) -> (Graph, Vec<[Vec<f32>; 2]>) {
    let target = Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 5 };
    let mut graph = Graph::new(target);
    let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
    let w = KERNELS.map(|kernel| graph.add_parameter("layer", kernel.to_vec(), true));
    let geometry = |size, kernel: [usize; 4]| Conv2d {
        input: [4, size, size, kernel[2]],
        filters: kernel[3],
        kernel: [kernel[0], kernel[1]],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
        relu: false,
    };
    let x = graph.input("x", [4, 16, 16, 3]);
    let y = graph.conv2d("y", geometry(16, KERNELS[0]), x, w[0]);
    let y = graph.conv2d("y", geometry(14, KERNELS[2]), y, w[2]);
    let dy = graph.input("dy", graph.tensor(y).shape.clone());
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[(y, dy)], &[]).0);
    let adam = Adam::default();
    let (update, (blocks, block_values)) = adam.record(&mut graph, minibatch);
    dispatches.extend(update);
    let plan = Plan::new(&graph, dispatches, &[]).unwrap();
    let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, blocks, &block_values);
    program.write(&graph, &plan, x, &distinct(4 * 16 * 16 * 3, 1));
    program.write(&graph, &plan, dy, &distinct(graph.tensor(dy).shape.elements(), 2));
    for parameter in graph.parameters() {
        program.write(&graph, &plan, parameter.weights, &parameter.pad(&distinct(parameter.len(), 3)));
        let (gradient, parts) = graph.gradient_parts(parameter.gradient);
        if parts > 1 {
            // Nobody reads the place of the whole.
            let rows = vec![f32::NAN; graph.tensor(gradient).shape.elements()];
            program.write(&graph, &plan, gradient, &rows);
            program.write(&graph, &plan, parameter.gradient, &rows[..rows.len() / parts]);
        }
    }
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&[0, 0, adam.alpha(1).to_bits(), 0]));
    program.run(0);
    let read = (graph.parameters().iter())
        .map(|parameter| {
            let gradient = gpu().block_on(program.read_gradient(&graph, &plan, parameter)).unwrap();
            [gradient, gpu().block_on(program.read(&graph, &plan, parameter.weights)).unwrap()]
        })
        .collect();
    (graph, read)
}

/// The update by a gradient in parts has the bits of the update by their sum.
#[test]
fn gradients_in_parts() {
    for micro_kernel in micro_kernels() {
        let (graph, results) = in_parts(micro_kernel);
        let parts: Vec<usize> = graph.parameters().iter().map(|p| graph.gradient_parts(p.gradient).1).collect();
        assert!(parts[0] > 1 && parts[1] == 1 && parts[2] > 1, "{parts:?}");
        let mut whole = Graph::new(graph.target());
        let minibatch = whole.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
        for kernel in KERNELS {
            whole.add_parameter("layer", kernel.to_vec(), true);
        }
        let adam = Adam::default();
        let (dispatches, (blocks, block_values)) = adam.record(&mut whole, minibatch);
        let plan = Plan::new(&whole, dispatches, &[]).unwrap();
        let program = Program::new(gpu(), &whole, &[&plan], RuntimeChecks::Off).unwrap();
        program.write(&whole, &plan, blocks, &block_values);
        program.write(&whole, &plan, minibatch, bytemuck::cast_slice(&[0, 0, adam.alpha(1).to_bits(), 0]));
        for (parameter, [gradient, _]) in whole.parameters().iter().zip(&results) {
            program.write(&whole, &plan, parameter.weights, &parameter.pad(&distinct(parameter.len(), 3)));
            program.write(&whole, &plan, parameter.gradient, gradient);
        }
        program.run(0);
        for (parameter, [gradient, weights]) in whole.parameters().iter().zip(&results) {
            let expected = gpu().block_on(program.read(&whole, &plan, parameter.weights)).unwrap();
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(gradient.iter().chain(weights).all(|v| v.is_finite()), "{micro_kernel}");
            assert_eq!(bits(weights), bits(&expected), "{micro_kernel}");
        }
    }
}
