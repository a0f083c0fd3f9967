//! Adam against its formula in f64, over several steps and sizes.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Plan, Target};
use wgrad::ops::MINIBATCH_HEADER;
use wgrad::optim::Adam;

use crate::harness::{assert_close, distinct, gpu, micro_kernels};

#[test]
fn five_steps() {
    for shape in [vec![1, 1], vec![3, 5], vec![3, 3, 2, 7], vec![64, 64], vec![70, 66]] {
        for micro_kernel in micro_kernels() {
            let bits = [RuntimeChecks::On, RuntimeChecks::Off].map(|checks| {
                let mut graph =
                    Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
                let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER], Home::Minibatch);
                graph.add_parameter("layer", shape.clone(), true);
                let adam = Adam::default();
                let dispatches = adam.record(&mut graph, minibatch);
                let plan = Plan::new(&graph, dispatches, &[]).unwrap();
                let program = Program::new(gpu(), &graph, &[&plan], checks).unwrap();
                let parameter = graph.parameters()[0].clone();
                let start = distinct(parameter.len(), 1);
                program.write(&graph, &plan, parameter.weights, &parameter.pad(&start));
                let mut w: Vec<f64> = start.iter().map(|w| f64::from(*w)).collect();
                let mut m = vec![0.0; w.len()];
                let mut v = vec![0.0; w.len()];
                for t in 1..=5 {
                    let dw: Vec<f32> = distinct(w.len(), t + 1).iter().map(|g| g * 0.01).collect();
                    program.write(&graph, &plan, parameter.gradient, &parameter.pad(&dw));
                    let header = [0, 0, adam.alpha(t as u64).to_bits(), 0];
                    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&header));
                    program.run(0);
                    let corrected = (1.0 - 0.999_f64.powi(t as i32)).sqrt() / (1.0 - 0.9_f64.powi(t as i32));
                    for i in 0..w.len() {
                        let g = f64::from(dw[i]);
                        m[i] = 0.9 * m[i] + 0.1 * g;
                        v[i] = 0.999 * v[i] + 0.001 * g * g;
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
