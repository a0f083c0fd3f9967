//! One pass over a network that learns the shape and the variables of each layer. Nothing is computed or allocated.

use std::collections::HashSet;

use super::layers::Inferred;
use super::network::{IMAGE, Node};
use super::{ModelError, Network, Value};
use crate::graph::{Role, VariableSpec, places};
use crate::shape::Shape;

/// The most layers that a network may have.
pub(super) const MOST_LAYERS: usize = 2000;

/// The most inputs that all layers of a network may have together.
const MOST_INPUTS: usize = 4 * MOST_LAYERS;

/// The most elements that an image may have; as bytes they take 64 MiB.
const MOST_IMAGE: usize = 1 << 26;

/// Most elements of a variable, or of a layer's output for one image: 2 GB, the most that a buffer of WebGPU holds.
const MOST_ELEMENTS: usize = 1 << 29;

/// Most multiply-adds of a layer for one image: a thousand times those of large networks, and far from an overflow.
const MOST_PRODUCTS: u64 = 1 << 44;

impl Network {
    /// Shape, variables and arithmetic of each layer, for one image. Variables have whole names such as `conv2d/kernel`. A layer
    /// that uses the variables of another has none here.
    ///
    /// # Errors
    /// The layer that does not fit its inputs or is too large, with the shapes; layers of one name; a layer that no other
    /// reads; softmax inside the network; weights that a layer can't share.
    pub fn infer(&self) -> Result<Vec<Inferred>, ModelError> {
        self.check_nodes()?;
        if !fits(&self.input(), MOST_IMAGE) {
            return Err(ModelError::Image { image: self.input().into(), most: MOST_IMAGE });
        }
        let mut inferred: Vec<Inferred> = Vec::with_capacity(self.nodes().len());
        let mut floats = 0_usize;
        for (place, node) in self.nodes().iter().enumerate() {
            let shape = |input: &Value| match *input {
                Value::Image => self.input().into(),
                Value::Layer(place) => inferred[place].shape.clone(),
            };
            let inputs: Vec<Shape> = node.inputs.iter().map(shape).collect();
            let mut next = self.infer_node(node, &inputs)?;
            if let Some(owner) = node.weights {
                let variables = std::mem::take(&mut next.variables);
                self.check_shared(place, &variables, &inferred[owner].variables)?;
            }
            for tensor in &next.variables {
                let (_, len) = places(tensor.iter().map(|variable| (variable.layout, &variable.shape[..])));
                floats = floats.saturating_add(len);
            }
            // The variables of all layers are in one buffer.
            if floats > MOST_ELEMENTS {
                let what = "parameters, with the layers before it";
                return Err(ModelError::TooLarge { layer: node.name.clone(), most: MOST_ELEMENTS as u64, what });
            }
            inferred.push(next);
        }
        // Each use of averages moves them.
        for (place, next) in inferred.iter_mut().enumerate() {
            let (_, count) = self.call(place);
            for variable in next.variables.iter_mut().flatten().filter(|_| count > 1) {
                if let Role::Averaged { momentum } = &mut variable.role {
                    *momentum = momentum.powf(count as f64);
                }
            }
        }
        Ok(inferred)
    }

    /// Makes sure that the layer at `place`, which would have `variables`, can use `those` of another.
    pub(super) fn check_shared(
        &self,
        place: usize,
        variables: &[Vec<VariableSpec>],
        those: &[Vec<VariableSpec>],
    ) -> Result<(), ModelError> {
        let node = &self.nodes()[place];
        let owner = &self.nodes()[self.owner(place)];
        let why = if node.layer != owner.layer {
            "they differ in their options"
        } else if those.is_empty() {
            "that has none"
        } else if variables != those {
            "its inputs have another size"
        } else {
            return Ok(());
        };
        Err(ModelError::Shared { layer: node.name.clone(), owner: owner.name.clone(), why })
    }

    /// What a layer makes of `inputs`, the shapes of what it reads.
    pub(super) fn infer_node(&self, node: &Node, inputs: &[Shape]) -> Result<Inferred, ModelError> {
        let owner = node.weights.and_then(|owner| self.nodes().get(owner)).unwrap_or(node);
        let inferred = node.layer.infer(&owner.name, inputs).map_err(|error| {
            let names = node.inputs.iter().map(|input| self.name_of(*input).to_owned());
            ModelError::Layer { layer: node.name.clone(), inputs: names.zip(inputs.iter().cloned()).collect(), error }
        })?;
        let too_large = |most, what| Err(ModelError::TooLarge { layer: node.name.clone(), most, what });
        let variables = inferred.variables.iter().flatten().map(|variable| &variable.shape[..]);
        if !variables.chain([inferred.shape.dims()]).all(|sizes| fits(sizes, MOST_ELEMENTS)) {
            return too_large(MOST_ELEMENTS as u64, "elements in one tensor");
        }
        if inferred.multiply_adds > MOST_PRODUCTS {
            return too_large(MOST_PRODUCTS, "multiply-adds for an image");
        }
        Ok(inferred)
    }

    /// Checks what needs no shapes.
    fn check_nodes(&self) -> Result<(), ModelError> {
        let (nodes, is_row) = (self.nodes(), self.is_row());
        if nodes.len() > MOST_LAYERS {
            return Err(ModelError::Depth(MOST_LAYERS));
        }
        if nodes.iter().map(|node| node.inputs.len()).sum::<usize>() > MOST_INPUTS {
            return Err(ModelError::Connections(MOST_INPUTS));
        }
        let mut names = HashSet::new();
        for ((place, node), readers) in nodes.iter().enumerate().zip(self.readers()) {
            let layer = || node.name.clone();
            if !names.insert(&node.name) {
                return Err(ModelError::SameName { layer: layer() });
            }
            // A row says nowhere who reads what.
            if node.name == IMAGE && !is_row {
                return Err(ModelError::Reserved { layer: layer() });
            }
            if let Some(owner) = node.weights.filter(|owner| *owner >= place || nodes[*owner].weights.is_some()) {
                let owner = nodes.get(owner).map_or_else(String::new, |owner| owner.name.clone());
                return Err(ModelError::NoWeights { layer: layer(), owner });
            }
            if readers.is_empty() && place + 1 < nodes.len() {
                return Err(ModelError::Unread { layer: layer() });
            }
        }
        Ok(())
    }
}

/// Whether the product of `sizes` is at most `most`.
fn fits(sizes: &[usize], most: usize) -> bool {
    sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)).is_some_and(|product| product <= most)
}
