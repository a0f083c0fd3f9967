//! Tensors of weights: how a graph gets its variables, and how their elements go into memory and out of it.

use super::layout::places;
use super::{Arena, Graph, GraphError, Home, MOST_ELEMENTS, Place, Role, TensorId, Variable, VariableSpec};

impl Graph {
    /// Adds a tensor that holds `variables` one after the other, each from a multiple of 64 floats on, and the place of its
    /// gradient. Its shape is `[floats in memory]`; `name` is for printing.
    ///
    /// # Errors
    /// No variables, one whose shape does not fit its layout, or too many elements.
    pub fn add_weights(&mut self, name: &str, variables: Vec<VariableSpec>) -> Result<TensorId, GraphError> {
        let refuse = |node: &str, wrong: String| GraphError::Value { node: node.into(), wrong };
        if variables.is_empty() {
            return Err(refuse(name, "a tensor of weights holds at least one variable".into()));
        }
        for spec in &variables {
            if let Some(wrong) = spec.layout.refuse(&spec.shape) {
                return Err(refuse(&spec.name, wrong));
            }
            if let Some(wrong) = spec.regularizer.wrong() {
                return Err(refuse(&spec.name, format!("a factor of its penalty is {wrong}")));
            }
            if spec.layout.rows(&spec.shape).padded_len() > MOST_ELEMENTS {
                let (tensor, shape) = (spec.name.clone(), spec.shape.clone().into());
                return Err(GraphError::TooLarge { tensor, shape });
            }
        }
        let (firsts, len) = places(variables.iter().map(|spec| (spec.layout, &spec.shape[..])));
        if len > MOST_ELEMENTS {
            return Err(GraphError::TooLarge { tensor: name.into(), shape: [len].into() });
        }
        let place = self.place_weights(len);
        let weights = self.add_tensor(format!("{name} w"), [len], Home::Arena(Arena::Weights, place));
        let gradient = self.add_tensor(format!("{name} dw"), [len], Home::Arena(Arena::Gradients, place));
        self.weights_gradients.insert(weights, gradient);
        for (spec, first) in variables.into_iter().zip(firsts) {
            let place = Place { first: place.first + first, ..place };
            self.variables.push(Variable { spec, weights, gradient, first, place });
        }
        Ok(weights)
    }

    /// All variables, in order of construction, which is that of the arenas.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The variables that a tensor of weights holds.
    pub fn variables_of(&self, weights: TensorId) -> impl Iterator<Item = &Variable> {
        self.variables.iter().filter(move |variable| variable.weights == weights)
    }

    /// The floats of a tensor of weights whose variables have these `elements`, one variable after the other; missing ones
    /// are 0.
    pub fn pad_weights(&self, weights: TensorId, mut elements: &[f32]) -> Vec<f32> {
        let mut floats = vec![0.0; self.tensor(weights).shape.elements()];
        for variable in self.variables_of(weights) {
            let (own, rest) = elements.split_at(variable.len().min(elements.len()));
            floats[variable.first..variable.first + variable.padded_len()].copy_from_slice(&variable.pad(own));
            elements = rest;
        }
        floats
    }

    /// The elements of the variables in a tensor of weights, one variable after the other, from the `floats` of that tensor
    /// or one like it.
    pub fn unpad_weights(&self, weights: TensorId, floats: &[f32]) -> Vec<f32> {
        let elements = |v: &Variable| v.unpad(&floats[v.first..v.first + v.padded_len()]);
        self.variables_of(weights).flat_map(elements).collect()
    }

    /// The place of the gradient of a tensor that [`Graph::add_weights`] added: a tensor of the same shape at the same
    /// place in [`Arena::Gradients`]. There a normalization in training writes the minibatch's statistics.
    pub fn gradient_of(&self, weights: TensorId) -> Option<TensorId> {
        self.weights_gradients.get(&weights).copied()
    }

    /// Freezes a layer: its variables become constant. They get no gradient, and training does not change them.
    pub fn freeze(&mut self, layer: &str) {
        for variable in self.variables.iter_mut().filter(|variable| variable.layer() == layer) {
            variable.spec.role = Role::Constant;
        }
    }

    /// First values of all variables, each in the order of its elements. `seed` chooses the drawn ones.
    pub fn initial_values(&self, seed: u64) -> Vec<Vec<f32>> {
        let mut drawn = 0;
        let mut values = |variable: &Variable| {
            let initializer = variable.initializer();
            let ordinal = drawn;
            drawn += u64::from(initializer.draws());
            initializer.values(variable.shape(), seed, ordinal)
        };
        self.variables.iter().map(&mut values).collect()
    }

    /// Tensors of weights that training changes by their gradient, each with the place of that.
    pub(super) fn trained_weights(&self) -> Vec<(TensorId, TensorId)> {
        let mut tensors: Vec<_> = (self.variables.iter())
            .filter(|variable| variable.is_trained())
            .map(|variable| (variable.weights, variable.gradient))
            .collect();
        tensors.dedup();
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Chunk, Initializer, Layout, Target};
    use crate::kernel::MicroKernel;

    fn graph() -> Graph {
        Graph::new(Target::new(MicroKernel::Direct, 1))
    }

    fn counted(len: usize) -> Vec<f32> {
        (1..=len).map(|i| i as f32).collect()
    }

    #[test]
    fn elements_lie_where_their_layout_says() {
        let mut graph = graph();
        let mut specs = VariableSpec::kernel_and_bias("conv2d", vec![1, 2, 3, 5], true);
        let shape = vec![1, 3, 5, 2];
        let layout = Layout::Rows { columns: 10 };
        specs.push(VariableSpec { layout, ..VariableSpec::kernel("depthwise", shape) });
        let w = graph.add_weights("w", specs).unwrap();
        let next = graph.add_weights("next", vec![VariableSpec::kernel("dense", vec![1, 1])]).unwrap();
        let places: Vec<_> =
            graph.variables().iter().map(|v| (v.name(), v.first(), v.place().first, v.padded_len())).collect();
        let expected = [
            ("conv2d/kernel", 0, 0, 64),
            ("conv2d/bias", 64, 64, 8),
            ("depthwise/kernel", 128, 128, 36),
            ("dense/kernel", 0, 192, 16),
        ];
        assert_eq!(places, expected);
        assert_eq!((graph.tensor(w).shape.dims(), graph.chunks()[0].len), (&[164][..], 256));
        assert_eq!(graph.tensor(next).home, Home::Arena(Arena::Weights, Place { chunk: 0, first: 192 }));
        let gradient = graph.gradient_of(next).unwrap();
        assert_eq!(graph.tensor(gradient).home, Home::Arena(Arena::Gradients, Place { chunk: 0, first: 192 }));
        for variable in graph.variables() {
            let padded = variable.pad(&counted(variable.len()));
            assert_eq!(variable.unpad(&padded), counted(variable.len()), "{}", variable.name());
            assert_eq!(padded.len(), variable.padded_len());
        }
        let kernel = graph.variables()[0].pad(&counted(30));
        assert_eq!(kernel[..10], [1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 0.0, 6.0, 7.0]);
        // A row of zeros follows the third input; then the second cell begins.
        assert_eq!((&kernel[24..32], kernel[32]), (&[0.0; 8][..], 16.0));
        let depthwise = graph.variables()[2].pad(&counted(30));
        assert_eq!(depthwise[8..14], [9.0, 10.0, 0.0, 0.0, 11.0, 12.0]);
    }

    #[test]
    fn what_can_not_lie_in_memory_is_refused() {
        let vector = |len, columns| {
            let layout = Layout::Rows { columns };
            VariableSpec { layout, ..VariableSpec::vector("layer", "bias", len, Initializer::Zeros) }
        };
        let kernel = |shape: &[usize]| VariableSpec::kernel("layer", shape.to_vec());
        let max = usize::MAX;
        for spec in [
            kernel(&[]),
            kernel(&[5]),
            kernel(&[3, 0]),
            kernel(&[max, max]),
            kernel(&[1 << 20, 1 << 20]),
            vector(0, 1),
            vector(6, 0),
            vector(6, 4),
            vector(max, max),
        ] {
            let mut graph = graph();
            assert!(graph.add_weights("w", vec![kernel(&[2, 2]), spec.clone()]).is_err(), "{spec:?}");
            assert!(graph.variables().is_empty() && graph.chunks() == [Chunk::default()]);
        }
        assert!(graph().add_weights("w", Vec::new()).is_err());
        // Each fits, but they do not fit together.
        assert!(graph().add_weights("w", vec![kernel(&[1 << 16, 1 << 15]), kernel(&[1, 1])]).is_err());
    }

    #[test]
    fn drawn_values_depend_on_the_number_of_drawn_variables_before() {
        let values = |bias| {
            let mut graph = graph();
            graph.add_weights("a", VariableSpec::kernel_and_bias("a", vec![3, 4], bias)).unwrap();
            graph.add_weights("b", VariableSpec::kernel_and_bias("b", vec![3, 4], true)).unwrap();
            graph.initial_values(5)
        };
        let [with, without] = [true, false].map(values);
        assert_eq!(with.len(), 4);
        assert_eq!((&with[0], &with[2]), (&without[0], &without[1]));
        assert_ne!(with[0], with[2]);
        assert_eq!(with[1], [0.0; 4]);
    }

    #[test]
    fn a_frozen_layer_has_only_constants() {
        let mut graph = graph();
        for layer in ["dense", "dense_1", "dense/1"] {
            graph.add_weights(layer, VariableSpec::kernel_and_bias(layer, vec![3, 4], true)).unwrap();
        }
        graph.freeze("dense");
        let trained: Vec<_> = graph.variables().iter().filter(|v| v.is_trained()).map(Variable::name).collect();
        assert_eq!(trained, ["dense_1/kernel", "dense_1/bias", "dense/1/kernel", "dense/1/bias"]);
        assert_eq!(graph.trained_weights().len(), 2);
    }
}
