//! Networks whose layers read any layers before them.

use super::{Layer, ModelError, Network, Value};
use crate::graph::VariableSpec;
use crate::shape::Shape;

/// Builds a [`Network`] layer by layer, as Keras's functional API does. Each layer is checked against its inputs when it is
/// applied. A residual block:
///
/// ```
/// use wgrad::model::layers::{Activation, Add, Conv2d, Dense, GlobalAveragePooling2d};
/// use wgrad::model::{self, Functional};
/// use wgrad::ops::Padding;
///
/// let convolution = || Conv2d { padding: Padding::Same, ..Conv2d::new(16, 3) };
/// let relu = || Activation::new(model::Activation::Relu);
///
/// let mut net = Functional::new([32, 32, 3]);
/// let x = net.apply(convolution(), [net.input()])?;
/// let y = net.apply(relu(), [x])?;
/// let y = net.apply(convolution(), [y])?;
/// let y = net.apply(Add {}, [y, x])?;
/// let y = net.apply(GlobalAveragePooling2d::default(), [y])?;
/// let y = net.apply_named("head", Dense::new(10), [y])?;
/// let network = net.output(y);
///
/// assert_eq!(network.classes()?, 10);
/// assert_eq!(network.nodes()[3].name, "add");
/// # Ok::<(), wgrad::model::ModelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Functional {
    network: Network,
    /// The shape of each layer's output.
    shapes: Vec<Shape>,
    /// The variables that each layer uses.
    variables: Vec<Vec<Vec<VariableSpec>>>,
}

impl Functional {
    /// A network without layers for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self { network: Network::new(input), shapes: Vec::new(), variables: Vec::new() }
    }

    /// The image.
    pub fn input(&self) -> Value {
        Value::Image
    }

    /// Adds a layer that reads `inputs`, and returns its output. It is named as in Keras.
    ///
    /// # Errors
    /// Inputs that the layer can't take, or of another network; options that make no sense.
    pub fn apply(&mut self, layer: impl Into<Layer>, inputs: impl AsRef<[Value]>) -> Result<Value, ModelError> {
        self.add(None, layer.into(), inputs.as_ref(), None)
    }

    /// [`Functional::apply`] for a layer with a name.
    ///
    /// # Errors
    /// Those of [`Functional::apply`].
    pub fn apply_named(
        &mut self,
        name: &str,
        layer: impl Into<Layer>,
        inputs: impl AsRef<[Value]>,
    ) -> Result<Value, ModelError> {
        self.add(Some(name), layer.into(), inputs.as_ref(), None)
    }

    /// Applies a layer once more, to other `inputs`: what is added has the options and the variables of the layer whose output
    /// `layer` is. The gradients of all of them add up. Without a `name` it is named as in Keras.
    ///
    /// # Errors
    /// Those of [`Functional::apply`], and [`ModelError::Shared`] for inputs that want variables of other shapes, or a layer
    /// without variables.
    ///
    /// ```
    /// use wgrad::model::Functional;
    /// use wgrad::model::layers::{Add, Dense, Flatten};
    ///
    /// let mut net = Functional::new([4, 4, 1]);
    /// let x = net.apply(Flatten {}, [net.input()])?;
    /// let y = net.apply(Dense::new(16), [x])?;
    /// let z = net.apply_again(None, y, [y])?;
    /// let sum = net.apply(Add {}, [y, z])?;
    /// let network = net.output(sum);
    /// assert_eq!((&*network.nodes()[2].name, network.nodes()[2].weights), ("dense_1", Some(1)));
    /// # Ok::<(), wgrad::model::ModelError>(())
    /// ```
    pub fn apply_again(
        &mut self,
        name: Option<&str>,
        layer: Value,
        inputs: impl AsRef<[Value]>,
    ) -> Result<Value, ModelError> {
        let node = match layer {
            Value::Layer(place) => self.network.nodes().get(place).map(|node| (self.network.owner(place), node)),
            Value::Image => None,
        };
        let Some((owner, node)) = node else {
            return Err(ModelError::NoValue { layer: name.unwrap_or_default().into() });
        };
        self.add(name, node.layer.clone(), inputs.as_ref(), Some(owner))
    }

    fn add(
        &mut self,
        name: Option<&str>,
        layer: Layer,
        inputs: &[Value],
        weights: Option<usize>,
    ) -> Result<Value, ModelError> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.shape(*input)).collect();
        let mut inferred = self.network.push(name, layer, inputs, &shapes, weights)?;
        let variables = std::mem::take(&mut inferred.variables);
        if let Some(owner) = weights {
            let network = &self.network;
            if let Err(error) = network.check_shared(network.nodes().len() - 1, &variables, &self.variables[owner]) {
                self.network.pop();
                return Err(error);
            }
        }
        self.variables.push(variables);
        self.shapes.push(inferred.shape);
        Ok(self.network.output())
    }

    /// Whether the layer whose output `value` is uses variables.
    pub(crate) fn has_variables(&self, value: Value) -> bool {
        matches!(value, Value::Layer(place) if self.variables.get(place).is_some_and(|variables| !variables.is_empty()))
    }

    /// Shape of a value, without the batch; that of the image if the network does not have it.
    pub fn shape(&self, value: Value) -> Shape {
        match value {
            Value::Layer(place) if place < self.shapes.len() => self.shapes[place].clone(),
            _ => self.network.input().into(),
        }
    }

    /// The network whose output is `output`. Layers that it does not depend on are left out.
    pub fn output(self, output: Value) -> Network {
        self.network.keep(output)
    }
}
