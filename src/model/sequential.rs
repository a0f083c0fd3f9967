//! Layers in a row.

use thiserror::Error;

use crate::graph::{Graph, Home, Target, TensorId, Tuning};
use crate::kernel::{MicroKernel, Storage};
use crate::ops::{Conv2d, Dense, DenseSoftmaxCrossEntropy, Ingest, MaxPool2d, Padding};
use crate::shape::Shape;

/// A layer, as the user wrote it.
#[derive(Clone, Debug, PartialEq)]
enum Layer {
    Conv2d { filters: usize, kernel: [usize; 2], stride: [usize; 2], padding: Padding, relu: bool },
    MaxPool2d { window: [usize; 2], stride: [usize; 2] },
    Flatten,
    Dense { units: usize, relu: bool },
    Relu,
}

impl Layer {
    /// Keras's name of the kind, which layer names are made of.
    fn keras_name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Conv2d { .. } => ("conv2d", "Conv2D"),
            Self::MaxPool2d { .. } => ("max_pooling2d", "MaxPooling2D"),
            Self::Flatten => ("flatten", "Flatten"),
            Self::Dense { .. } => ("dense", "Dense"),
            Self::Relu => ("re_lu", "ReLU"),
        }
    }
}

/// A network that can't be built.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// A layer after one whose output it can't take.
    #[error("layer `{layer}` wants {wanted}, but its input is {input}")]
    Input {
        /// The layer.
        layer: String,
        /// What it takes.
        wanted: &'static str,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A window or kernel larger than its image.
    #[error("layer `{layer}` has a window of {window}, larger than its input {input}")]
    Window {
        /// The layer.
        layer: String,
        /// The window.
        window: Shape,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A size of nothing.
    #[error("layer `{layer}` has a size of 0; sizes start at 1")]
    Zero {
        /// The layer.
        layer: String,
    },
    /// No rows to train on.
    #[error("the batch size is 0; it starts at 1")]
    Batch,
    /// The network does not end in one row of logits an image.
    #[error("the network ends in {0}; it must end in [classes], so add `flatten` and `dense`")]
    Output(Shape),
}

/// A line of the summary table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Unique name, as Keras counts: `conv2d`, `conv2d_1`.
    pub name: String,
    /// Keras's class.
    pub kind: &'static str,
    /// Output without the batch.
    pub output_shape: Shape,
    /// Trainable parameters.
    pub parameters: usize,
}

/// A network of layers in a row. Methods append a layer, as in Keras's `Sequential`:
///
/// ```
/// let model = wgrad::model::Sequential::new([32, 32, 3])
///     .conv2d(32, 3).relu()
///     .max_pool2d(2)
///     .flatten()
///     .dense(10);
/// assert_eq!(model.summary()?.last().unwrap().parameters, 72_010);
/// # Ok::<(), wgrad::model::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    input: [usize; 3],
    layers: Vec<Layer>,
}

/// A graph with the ends that training needs.
#[derive(Debug)]
pub struct Built {
    /// The graph.
    pub graph: Graph,
    /// The staged minibatch.
    pub minibatch: TensorId,
    /// `[n, classes]`
    pub logits: TensorId,
    /// The loss.
    pub loss: TensorId,
}

impl Sequential {
    /// An empty network for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, layers: Vec::new() }
    }

    /// The network of TensorFlow's tutorial "Convolutional Neural Network (CNN)": 122,570 parameters for
    /// `[32, 32, 3]` and 10 classes.
    pub fn tutorial(input: [usize; 3], classes: usize) -> Self {
        Self::new(input)
            .conv2d(32, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .flatten()
            .dense(64)
            .relu()
            .dense(classes)
    }

    fn push(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Appends a convolution by a square kernel, stride 1, without padding, with bias.
    pub fn conv2d(self, filters: usize, kernel: usize) -> Self {
        self.conv2d_with(filters, [kernel; 2], [1; 2], Padding::Valid)
    }

    /// Appends a convolution with every option.
    pub fn conv2d_with(self, filters: usize, kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Self {
        self.push(Layer::Conv2d { filters, kernel, stride, padding, relu: false })
    }

    /// Appends max pooling by a square window, as far apart as it is wide.
    pub fn max_pool2d(self, window: usize) -> Self {
        self.max_pool2d_with([window; 2], [window; 2])
    }

    /// Appends max pooling with every option.
    pub fn max_pool2d_with(self, window: [usize; 2], stride: [usize; 2]) -> Self {
        self.push(Layer::MaxPool2d { window, stride })
    }

    /// Appends the reshaping of images to rows.
    pub fn flatten(self) -> Self {
        self.push(Layer::Flatten)
    }

    /// Appends a fully connected layer with bias.
    pub fn dense(self, units: usize) -> Self {
        self.push(Layer::Dense { units, relu: false })
    }

    /// Appends a relu: as the activation of a convolution or dense layer right before it, else as a layer.
    pub fn relu(mut self) -> Self {
        match self.layers.last_mut() {
            Some(Layer::Conv2d { relu, .. } | Layer::Dense { relu, .. }) if !*relu => *relu = true,
            _ => self.layers.push(Layer::Relu),
        }
        self
    }

    /// Shape of one image, `[h, w, c]`.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// Name, output and parameters of each layer.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn summary(&self) -> Result<Vec<LayerSummary>, ModelError> {
        // The target has no part in shapes.
        let mut graph =
            Graph::new(Target { micro_kernel: MicroKernel::Direct, storage: Storage::Buffers, busy_workgroups: 1 });
        let [h, w, c] = self.input;
        let mut x = graph.input("images", [1, h, w, c]);
        let mut lines = Vec::new();
        for (name, layer) in self.names().iter().zip(&self.layers) {
            let before: usize = graph.parameters().iter().map(|p| p.len()).sum();
            x = append(&mut graph, name, layer, x)?;
            let parameters = graph.parameters().iter().map(|p| p.len()).sum::<usize>() - before;
            let output_shape = graph.tensor(x).shape.dims()[1..].to_vec().into();
            lines.push(LayerSummary { name: name.clone(), kind: layer.keras_name().1, output_shape, parameters });
        }
        Ok(lines)
    }

    /// Keras's names: the kind, numbered from the second on.
    fn names(&self) -> Vec<String> {
        let kinds: Vec<_> = self.layers.iter().map(|layer| layer.keras_name().0).collect();
        kinds
            .iter()
            .enumerate()
            .map(|(i, kind)| match kinds[..i].iter().filter(|earlier| *earlier == kind).count() {
                0 => (*kind).to_owned(),
                count => format!("{kind}_{count}"),
            })
            .collect()
    }

    /// Builds the graph for minibatches of `batch` images, from staged bytes to the loss.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row of logits.
    pub fn build(&self, batch: usize, target: Target) -> Result<Built, ModelError> {
        self.build_tuned(batch, target, Tuning::default())
    }

    /// [`Sequential::build`], with measured choices of how to compute matrix products.
    ///
    /// # Errors
    /// As [`Sequential::build`].
    pub fn build_tuned(&self, batch: usize, target: Target, tuning: Tuning) -> Result<Built, ModelError> {
        if batch == 0 {
            return Err(ModelError::Batch);
        }
        let mut graph = Graph::new(target);
        graph.set_tuning(tuning);
        let [h, w, c] = self.input;
        let words = Ingest::words([batch, h, w, c]);
        let minibatch = graph.add_tensor("minibatch", [words], Home::Minibatch);
        let mut x = graph.ingest([batch, h, w, c], minibatch);
        let names = self.names();
        let mut i = 0;
        while i < self.layers.len() {
            if let Some([logits, loss]) = end(&mut graph, &names[i], &self.layers[i..], x, minibatch) {
                return Ok(Built { graph, minibatch, logits, loss });
            }
            match fuse(&mut graph, &names[i..], &self.layers[i..], x) {
                Some((output, layers)) => {
                    x = output;
                    i += layers;
                }
                None => {
                    x = append(&mut graph, &names[i], &self.layers[i], x)?;
                    i += 1;
                }
            }
        }
        let output = graph.tensor(x).shape.clone();
        if output.dims().len() != 2 {
            return Err(ModelError::Output(output.dims()[1..].to_vec().into()));
        }
        let loss = graph.softmax_cross_entropy(x, minibatch);
        Ok(Built { graph, minibatch, logits: x, loss })
    }
}

/// Adds the last layer with the loss, where they are one operation; returns logits and loss.
fn end(graph: &mut Graph, name: &str, layers: &[Layer], x: TensorId, minibatch: TensorId) -> Option<[TensorId; 2]> {
    let [Layer::Dense { units, relu }] = *layers else { return None };
    let input = <[usize; 2]>::try_from(graph.tensor(x).shape.dims()).ok()?;
    let dense = Dense { input, units, bias: true, relu };
    if units == 0 || !DenseSoftmaxCrossEntropy::takes(&dense) {
        return None;
    }
    let w = graph.add_parameter(name, vec![input[1], units], true);
    Some(graph.dense_softmax_cross_entropy(name, dense, x, w, minibatch))
}

/// Adds the first layers as one operation, where there is one; returns its output and the number of layers.
fn fuse(graph: &mut Graph, names: &[String], layers: &[Layer], x: TensorId) -> Option<(TensorId, usize)> {
    let [
        Layer::Conv2d { filters, kernel, stride, padding, relu },
        Layer::MaxPool2d { window: [2, 2], stride: [2, 2] },
        ..,
    ] = *layers
    else {
        return None;
    };
    let input = <[usize; 4]>::try_from(graph.tensor(x).shape.dims()).ok()?;
    if filters == 0 || kernel.contains(&0) || stride.contains(&0) {
        return None;
    }
    let convolution = Conv2d { input, filters, kernel, stride, padding, bias: true, relu };
    if convolution.output_size().iter().any(|size| *size < 2) {
        return None;
    }
    let w = graph.add_parameter(&names[0], convolution.kernel_shape(), true);
    let name = format!("{} + {}", names[0], names[1]);
    Some((graph.conv2d_max_pool2d(&name, convolution, x, w), 2))
}

fn append(graph: &mut Graph, name: &str, layer: &Layer, x: TensorId) -> Result<TensorId, ModelError> {
    let dims = graph.tensor(x).shape.dims().to_vec();
    let input: Shape = dims[1..].to_vec().into();
    let wants = |wanted| ModelError::Input { layer: name.into(), wanted, input: input.clone() };
    let image = || <[usize; 4]>::try_from(&dims[..]).map_err(|_| wants("images [h, w, c]"));
    let check_window = |window: [usize; 2], stride: [usize; 2], output: [usize; 2]| {
        if window.contains(&0) || stride.contains(&0) {
            Err(ModelError::Zero { layer: name.into() })
        } else if output.contains(&0) {
            Err(ModelError::Window { layer: name.into(), window: window.into(), input: input.clone() })
        } else {
            Ok(())
        }
    };
    let nonzero = |stride: [usize; 2]| stride.map(|s| s.max(1));
    match *layer {
        Layer::Conv2d { filters, kernel, stride, padding, relu } => {
            let input = image()?;
            let geometry = Conv2d { input, filters, kernel, stride: nonzero(stride), padding, bias: true, relu };
            check_window(kernel, stride, geometry.output_size())?;
            if filters == 0 {
                return Err(ModelError::Zero { layer: name.into() });
            }
            let w = graph.add_parameter(name, geometry.kernel_shape(), true);
            Ok(graph.conv2d(name, geometry, x, w))
        }
        Layer::MaxPool2d { window, stride } => {
            check_window(window, stride, MaxPool2d::output_size(image()?, window, nonzero(stride)))?;
            Ok(graph.max_pool2d(name, window, stride, x))
        }
        Layer::Flatten => Ok(graph.flatten(name, x)),
        Layer::Dense { units, relu } => {
            let input =
                <[usize; 2]>::try_from(&dims[..]).map_err(|_| wants("rows [features]; put `flatten` before it"))?;
            if units == 0 {
                return Err(ModelError::Zero { layer: name.into() });
            }
            let w = graph.add_parameter(name, vec![input[1], units], true);
            Ok(graph.dense(name, Dense { input, units, bias: true, relu }, x, w))
        }
        Layer::Relu => Ok(graph.relu(name, x)),
    }
}
