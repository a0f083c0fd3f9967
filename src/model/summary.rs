//! The table of a network's layers.

use super::{ModelError, Network};
use crate::graph::{Role, VariableSpec};
use crate::shape::Shape;

/// A line of the summary table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Unique name, counted as in Keras: `conv2d`, `conv2d_1`.
    pub name: String,
    /// Keras's class of the layer.
    pub kind: &'static str,
    /// Shape of the output of one image.
    pub output_shape: Shape,
    /// Number of parameters.
    pub parameters: usize,
    /// How many of them training leaves as they are: all of a frozen layer, statistics of any.
    pub non_trainable: usize,
    /// Multiply-adds for one image.
    pub multiply_adds: u64,
    /// The layers that it reads, or `input` for the image.
    pub inputs: Vec<String>,
}

impl Network {
    /// Name, output shape and number of parameters of each layer.
    ///
    /// # Errors
    /// Those of [`Network::infer`].
    pub fn summary(&self) -> Result<Vec<LayerSummary>, ModelError> {
        let lines = self.nodes().iter().zip(self.infer()?).map(|(node, inferred)| {
            let count = |counts: &dyn Fn(&VariableSpec) -> bool| {
                let counted = inferred.variables.iter().flatten().filter(|variable| counts(variable));
                counted.map(|variable| variable.shape.iter().product::<usize>()).sum()
            };
            let parameters = count(&|_| true);
            let non_trainable = count(&|variable| !node.trainable || variable.role != Role::Trained);
            LayerSummary {
                name: node.name.clone(),
                kind: node.layer.keras_names()[1],
                output_shape: inferred.shape.clone(),
                parameters,
                non_trainable,
                multiply_adds: inferred.multiply_adds,
                inputs: node.inputs.iter().map(|input| self.name_of(*input).to_owned()).collect(),
            }
        });
        Ok(lines.collect())
    }
}
