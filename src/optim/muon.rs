//! Muon.

use serde::Serialize;

use super::update_rule::{Correction, Factor, Form, RuleScalars, UpdateRule};
use super::{Adam, matrices};
use crate::graph::Graph;
use crate::kernel::{Wgsl, wgsl};

/// Settings of Muon (Jordan et al. 2024). The momentum of a kernel, seen as a matrix of inputs and outputs, is made nearly
/// orthogonal by five steps of a Newton-Schulz iteration, and the kernel goes that way. All variables that are no kernels,
/// and depthwise kernels, are updated by Adam. The defaults are those of Keras and PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Muon {
    /// Share of the velocity that stays from step to step.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// Adam for the rest. Muon has Keras's form of it in both forms.
    pub adam: Adam,
    /// Whose factor of the learning rate a kernel of `inputs` x `outputs` gets: Keras has `0.2 sqrt(max(inputs, outputs))`
    /// (Liu et al. 2025), PyTorch `sqrt(max(1, outputs / inputs))`.
    pub form: Form,
}

impl Default for Muon {
    fn default() -> Self {
        Self { momentum: 0.95, nesterov: true, adam: Adam::default(), form: Form::Keras }
    }
}

impl Muon {
    /// The factor of the learning rate of a kernel `[.., inputs, outputs]`, whose inputs are those of all cells.
    fn factor(&self, shape: &[usize]) -> f64 {
        let Some((outputs, inputs)) = shape.split_last() else { return 1.0 };
        let [inputs, outputs] = [inputs.iter().product::<usize>() as f64, *outputs as f64];
        match self.form {
            Form::Keras => 0.2 * inputs.max(outputs).sqrt(),
            Form::PyTorch => (outputs / inputs).max(1.0).sqrt(),
        }
    }

    /// The kernels in a chunk of the arenas, if there are any. Those in `groups` have factors.
    pub(super) fn matrices(
        &self,
        graph: &mut Graph,
        chunk: usize,
        groups: &[super::Group],
    ) -> Option<matrices::Matrices> {
        matrices::Matrices::new(graph, chunk, |variable| {
            self.factor(variable.shape()) * super::Group::factors(groups, variable)[0]
        })
    }
}

impl UpdateRule for Muon {
    fn slots(&self) -> [Option<&'static str>; 3] {
        [Some("momentum"), Some("second_moment"), None]
    }

    /// The rate of kernels, and the factor that makes it Adam's.
    fn scalars(&self, t: u64, learning_rate: f64) -> RuleScalars {
        let adam = UpdateRule::scalars(&Adam { form: Form::Keras, ..self.adam }, t, 1.0);
        RuleScalars { rate: learning_rate as f32, epsilon: adam.rate }
    }

    fn uncorrected(&self, learning_rate: f64) -> (RuleScalars, Correction) {
        let betas = [self.adam.beta1, self.adam.beta2];
        let scalars = RuleScalars { rate: learning_rate as f32, epsilon: 1.0 };
        (scalars, Correction { betas, rate: Factor::One, epsilon: Factor::Whole })
    }

    fn source(&self) -> Wgsl {
        wgsl!("optimizer/muon")
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("MOMENTUM", self.momentum),
            ("NESTEROV", self.nesterov.into()),
            ("NEW1", 1.0 - self.adam.beta1),
            ("NEW2", 1.0 - self.adam.beta2),
            ("EPSILON", self.adam.epsilon),
        ]
    }

    fn flops(&self) -> u64 {
        16
    }
}
