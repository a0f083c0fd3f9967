//! One way to test an operation.

use std::sync::{Arc, OnceLock};

use wgrad::exec::Program;
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{Graph, Mode, Plan, Target, TensorId};
use wgrad::kernel::MicroKernel;

/// Step of the central differences, small against the distance of any two input values.
const STEP: f64 = 1e-6;

/// The device all tests share.
pub fn gpu() -> Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap())).clone()
}

/// The micro-kernels that the adapter runs; `direct` always does.
pub fn micro_kernels() -> Vec<MicroKernel> {
    let kernels: Vec<_> = MicroKernel::ALL.into_iter().filter(|kernel| gpu().supports(*kernel).is_ok()).collect();
    assert!(kernels.contains(&MicroKernel::Direct));
    kernels
}

/// Values in ±1 that are all distinct, at least 1 / (2 n) apart, in no order.
pub fn distinct(n: usize, salt: usize) -> Vec<f32> {
    // A step coprime to the length visits every place once.
    let length = 2 * n + 1;
    let mut step = length * 618 / 1000 + salt % 7;
    while gcd(step, length) != 1 {
        step += 1;
    }
    (1..=n).map(|i| (2.0 * ((i * step + salt) % length) as f64 / length as f64 - 1.0) as f32).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Adds an operation to a graph.
type Build = Box<dyn Fn(&mut Graph, &[TensorId]) -> TensorId>;

/// The operation in f64.
type Reference = Box<dyn Fn(&[Vec<f64>]) -> Vec<f64>>;

/// What is put to the test.
pub struct Case {
    pub name: String,
    /// Shapes of the operation's activations; each is the sum of two inputs, so that it is made mid-graph.
    pub activations: Vec<Vec<usize>>,
    /// Kernel shape of its parameter, which has a bias.
    pub parameter: Option<Vec<usize>>,
    /// Adds the operation; the last tensor is the parameter.
    pub build: Build,
    /// The same in f64, of activations and then the parameter's kernel and bias rows.
    pub reference: Reference,
}

impl Case {
    /// Runs the case with every micro-kernel and with runtime checks on and off, whose bits must agree.
    pub fn check(&self) {
        for micro_kernel in micro_kernels() {
            let results = [RuntimeChecks::On, RuntimeChecks::Off].map(|checks| self.run(micro_kernel, checks));
            let bits = |values: &[Vec<f32>]| values.iter().flatten().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(
                bits(&results[0]) == bits(&results[1]),
                "{} ({micro_kernel}): bits with and without runtime checks differ",
                self.name
            );
            self.compare(micro_kernel, &results[1]);
        }
    }

    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut shapes = self.activations.clone();
        if let Some(kernel) = &self.parameter {
            let columns = kernel[kernel.len() - 1];
            shapes.push(vec![kernel.iter().product::<usize>() + columns]);
        }
        shapes.iter().enumerate().map(|(i, shape)| distinct(shape.iter().product(), 11 * i + 3)).collect()
    }

    /// Output, then the gradient of each input.
    fn run(&self, micro_kernel: MicroKernel, checks: RuntimeChecks) -> Vec<Vec<f32>> {
        let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 5 });
        let values = self.inputs();
        let halves: Vec<[TensorId; 2]> =
            self.activations.iter().map(|shape| [0, 1].map(|_| graph.input("half", shape.clone()))).collect();
        let mut tensors: Vec<TensorId> = halves.iter().map(|[a, b]| graph.add("x", *a, *b)).collect();
        if let Some(kernel) = &self.parameter {
            tensors.push(graph.add_parameter("layer", kernel.clone(), true));
        }
        let y = (self.build)(&mut graph, &tensors);
        // Something follows, and uses y twice: its gradient is a sum of two.
        let shape = graph.tensor(y).shape.clone();
        let more = graph.input("more", shape.clone());
        let z = graph.add("y + more", y, more);
        let z = graph.add("y + more + y", z, y);
        let dz = graph.input("dz", shape.clone());

        let mut dispatches = graph.record_forward(Mode::Train);
        let wanted: Vec<TensorId> = halves.iter().map(|[a, _]| *a).collect();
        let (backward, gradients) = graph.record_backward(&[(z, dz)], &wanted);
        dispatches.extend(backward);
        let mut results = vec![y];
        results.extend(wanted.iter().map(|input| gradients[input]));
        let plan = Plan::new(&graph, dispatches, &results).unwrap();
        let program = Program::new(gpu(), &graph, &[&plan], checks).unwrap();

        program.fill_slots(f32::NAN);
        for ([a, b], value) in halves.iter().zip(&values) {
            program.write(&graph, &plan, *a, value);
            program.write(&graph, &plan, *b, &vec![0.0; value.len()]);
        }
        program.write(&graph, &plan, more, &vec![0.5; shape.elements()]);
        program.write(&graph, &plan, dz, &upstream(shape.elements()));
        if let Some(parameter) = graph.parameters().first() {
            program.write(&graph, &plan, parameter.weights, &parameter.pad(&values[values.len() - 1]));
            let (gradient, _) = graph.gradient_parts(parameter.gradient);
            program.write(&graph, &plan, gradient, &vec![f32::NAN; graph.tensor(gradient).shape.elements()]);
        }
        program.run(0);
        let mut read: Vec<Vec<f32>> =
            results.iter().map(|tensor| gpu().block_on(program.read(&graph, &plan, *tensor)).unwrap()).collect();
        for parameter in graph.parameters() {
            let rows = gpu().block_on(program.read_gradient(&graph, &plan, parameter)).unwrap();
            read.push(parameter.unpad(&rows));
        }
        read
    }

    fn compare(&self, micro_kernel: MicroKernel, results: &[Vec<f32>]) {
        let mut inputs: Vec<Vec<f64>> =
            self.inputs().iter().map(|values| values.iter().map(|v| f64::from(*v)).collect()).collect();
        let y = (self.reference)(&inputs);
        assert_close(&format!("{} ({micro_kernel}) forward", self.name), &results[0], &y, 1e-5);
        let dz = upstream(y.len());
        for i in 0..inputs.len() {
            let gradient: Vec<f64> = (0..inputs[i].len())
                .map(|j| {
                    let value = inputs[i][j];
                    let loss = [STEP, -STEP].map(|step| {
                        inputs[i][j] = value + step;
                        // y reaches z twice.
                        let y = (self.reference)(&inputs);
                        y.iter().zip(&dz).map(|(y, dz)| 2.0 * y * f64::from(*dz)).sum::<f64>()
                    });
                    inputs[i][j] = value;
                    (loss[0] - loss[1]) / (2.0 * STEP)
                })
                .collect();
            assert_close(&format!("{} ({micro_kernel}) gradient {i}", self.name), &results[1 + i], &gradient, 1e-4);
        }
    }
}

/// The gradient that arrives from above.
fn upstream(n: usize) -> Vec<f32> {
    distinct(n, 5)
}

/// Asserts that the largest error is at most `bound` of the largest element.
pub fn assert_close(what: &str, found: &[f32], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    let scale = expected.iter().fold(1e-30_f64, |a, e| a.max(e.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*f) - e).abs() / scale;
        assert!(error <= bound, "{what}: element {i} is {f}, expected {e}: off by {error:e} of {scale}");
    }
}
