//! Networks whose layers read any layers before them.

use super::{Layer, ModelError, Network, Value};
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
}

impl Functional {
    /// A network without layers for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self { network: Network::new(input), shapes: Vec::new() }
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
        self.add(None, layer.into(), inputs.as_ref())
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
        self.add(Some(name), layer.into(), inputs.as_ref())
    }

    fn add(&mut self, name: Option<&str>, layer: Layer, inputs: &[Value]) -> Result<Value, ModelError> {
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.shape(*input)).collect();
        let inferred = self.network.push(name, layer, inputs, &shapes)?;
        self.shapes.push(inferred.shape);
        Ok(self.network.output())
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
