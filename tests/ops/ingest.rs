//! Bytes to floats.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Mode, Plan, Target};
use wgrad::ops::{Ingest, MINIBATCH_HEADER};

use crate::harness::{assert_close, gpu, micro_kernels};

#[test]
fn bytes_over_255() {
    for shape in [[1, 1, 1, 1], [2, 3, 3, 3], [1, 5, 7, 3], [3, 4, 4, 1], [2, 16, 16, 3]] {
        for micro_kernel in micro_kernels() {
            for checks in [RuntimeChecks::On, RuntimeChecks::Off] {
                let mut graph =
                    Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
                let minibatch = graph.add_tensor("minibatch", [Ingest::words(shape)], Home::Minibatch);
                let x = graph.ingest(shape, minibatch);
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
