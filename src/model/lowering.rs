//! Translation of layers into operations of a graph.

use super::sequential::Entry;
use super::{Activation, Answer, Layer, ModelError, Sequential};
use crate::graph::{Graph, Target, TensorId, Tuning};
use crate::minibatch::Minibatch;
use crate::ops::{ActivationFunction, Augmentation, Conv2d, Dense, DenseSoftmaxCrossEntropy, Ingest, Padding, Pool2d};
use crate::shape::Shape;

/// Options of building a network that are not part of the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOptions {
    /// Measured choices of how to compute matrix products.
    pub tuning: Tuning,
    /// Changes that training makes to its images.
    pub augmentation: Augmentation,
    /// Label smoothing, in training and in evaluation, as in Keras.
    pub label_smoothing: f64,
}

impl BuildOptions {
    /// Checks that the options make sense for images `[h, w, c]`.
    ///
    /// # Errors
    /// [`ModelError::Augmentation`] or [`ModelError::Smoothing`].
    pub fn check(&self, [h, w, _]: [usize; 3]) -> Result<(), ModelError> {
        let Augmentation { crop, cutout, .. } = self.augmentation;
        for (what, pixels) in [("crop", crop), ("cutout", cutout)] {
            if pixels >= h.min(w) && pixels > 0 {
                return Err(ModelError::Augmentation { what, pixels, image: [h, w] });
            }
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(ModelError::Smoothing(self.label_smoothing));
        }
        Ok(())
    }
}

/// A graph with the tensors that training needs.
#[derive(Debug)]
pub struct Built {
    /// The graph.
    pub graph: Graph,
    /// The minibatch, as [`Graph::minibatch`] adds it.
    pub minibatch: TensorId,
    /// Number of classes: labels are below it.
    pub classes: usize,
    /// The logits `[n, classes]`.
    pub logits: TensorId,
    /// The loss.
    pub loss: TensorId,
}

impl Sequential {
    /// Builds the graph for minibatches of `batch` images, from staged bytes to the loss.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row of logits.
    pub fn build(&self, batch: usize, target: Target) -> Result<Built, ModelError> {
        self.build_with(batch, target, BuildOptions::default())
    }

    /// [`Sequential::build`], with options.
    ///
    /// # Errors
    /// Those of [`Sequential::build`] and [`BuildOptions::check`].
    pub fn build_with(&self, batch: usize, target: Target, options: BuildOptions) -> Result<Built, ModelError> {
        if batch == 0 {
            return Err(ModelError::Batch);
        }
        options.check(self.input)?;
        // This checks the sizes of all layers, including those that become one operation with others.
        let answer = self.answer()?;
        let (classes, exclusive) = (answer.classes(), matches!(answer, Answer::Softmax { .. }));
        let names = self.checked_names()?;
        // The loss takes the values before a sigmoid at the end, as it does with softmax.
        let network = self.to_logits();
        let mut graph = Graph::new(target);
        let BuildOptions { tuning, augmentation, label_smoothing: smoothing } = options;
        graph.set_tuning(tuning);
        let [h, w, c] = self.input;
        let minibatch = graph.minibatch(Minibatch::new(batch, self.input));
        let mut x = graph.ingest(Ingest { output: [batch, h, w, c], augmentation }, minibatch)?;
        let mut i = 0;
        while i < names.len() {
            let entries = &network.entries[i..];
            if exclusive && let Some([logits, loss]) = end(&mut graph, &names[i], entries, x, minibatch, smoothing)? {
                self.freeze_in(&mut graph, &names);
                return Ok(Built { graph, minibatch, classes, logits, loss });
            }
            match fuse(&mut graph, &names[i..], entries, x)? {
                Some((output, layers)) => {
                    x = output;
                    i += layers;
                }
                None => {
                    x = append(&mut graph, &names[i], &entries[0].layer, x, minibatch)?;
                    i += 1;
                }
            }
        }
        let output = graph.tensor(x).shape.clone();
        if output.dims().len() != 2 {
            return Err(ModelError::Output(output.dims()[1..].to_vec().into()));
        }
        self.freeze_in(&mut graph, &names);
        let loss = match exclusive {
            true => graph.softmax_cross_entropy(x, minibatch, smoothing)?,
            false => graph.binary_cross_entropy(x, minibatch, smoothing)?,
        };
        Ok(Built { graph, minibatch, classes, logits: x, loss })
    }

    fn freeze_in(&self, graph: &mut Graph, names: &[String]) {
        for (name, entry) in names.iter().zip(&self.entries) {
            if !entry.trainable {
                graph.freeze(name);
            }
        }
    }
}

/// Adds the last layer and the loss as one operation, if there is such an operation; returns logits and loss.
fn end(
    graph: &mut Graph,
    name: &str,
    entries: &[Entry],
    x: TensorId,
    minibatch: TensorId,
    smoothing: f64,
) -> Result<Option<[TensorId; 2]>, ModelError> {
    let (Layer::Dense { units, activation }, rest) = (&entries[0].layer, &entries[1..]) else { return Ok(None) };
    let linear = matches!(activation, Activation::Linear | Activation::Softmax);
    // Softmax may be a layer of its own. The loss includes it, so training skips the layer.
    let alone = rest.iter().all(|entry| entry.layer == Layer::Activation { activation: Activation::Softmax });
    let Ok(input) = <[usize; 2]>::try_from(graph.tensor(x).shape.dims()) else { return Ok(None) };
    let dense = Dense { input, units: *units, bias: true, relu: false };
    if !linear || !alone || *units == 0 || !DenseSoftmaxCrossEntropy::takes(&dense) {
        return Ok(None);
    }
    let w = graph.add_weights(name, dense.variables(name))?;
    Ok(Some(graph.dense_softmax_cross_entropy(name, dense, x, w, minibatch, smoothing)?))
}

/// Adds the first layers as one operation, if there is such an operation; returns its output and the number of layers.
fn fuse(
    graph: &mut Graph,
    names: &[String],
    entries: &[Entry],
    x: TensorId,
) -> Result<Option<(TensorId, usize)>, ModelError> {
    let [
        Entry { layer: Layer::Conv2d { filters, kernel_size, strides, padding, activation }, .. },
        Entry { layer: Layer::MaxPooling2d { pool_size: [2, 2], strides: None | Some([2, 2]) }, .. },
        ..,
    ] = *entries
    else {
        return Ok(None);
    };
    let relu = match activation {
        Activation::Relu => true,
        Activation::Linear => false,
        _ => return Ok(None),
    };
    let Ok(input) = <[usize; 4]>::try_from(graph.tensor(x).shape.dims()) else { return Ok(None) };
    if filters == 0 || kernel_size.contains(&0) || strides.contains(&0) {
        return Ok(None);
    }
    let convolution = Conv2d { input, filters, kernel: kernel_size, stride: strides, padding, bias: true, relu };
    if convolution.output_size().iter().any(|size| *size < 2) {
        return Ok(None);
    }
    let w = graph.add_weights(&names[0], convolution.variables(&names[0]))?;
    let name = format!("{} + {}", names[0], names[1]);
    Ok(Some((graph.conv2d_max_pool2d(&name, convolution, x, w)?, 2)))
}

/// Most elements of a kernel, or of a layer's output for one image: 2 GB, the most that a buffer of WebGPU holds.
pub(super) const MOST_ELEMENTS: usize = 1 << 29;

/// Most multiply-adds of a convolution of one image: a thousand times those of large networks, and far from an overflow.
const MOST_PRODUCTS: usize = 1 << 44;

/// Whether the product of `sizes` is at most `most`.
pub(super) fn fits(sizes: &[usize], most: usize) -> bool {
    sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)).is_some_and(|product| product <= most)
}

/// Adds one layer, and returns its output.
pub(super) fn append(
    graph: &mut Graph,
    name: &str,
    layer: &Layer,
    x: TensorId,
    minibatch: TensorId,
) -> Result<TensorId, ModelError> {
    let dims = graph.tensor(x).shape.dims().to_vec();
    let input: Shape = dims[1..].to_vec().into();
    let zero = || ModelError::Zero { layer: name.into() };
    let too_large = || ModelError::TooLarge { layer: name.into(), most: MOST_ELEMENTS, what: "elements in one tensor" };
    let wants = |wanted| ModelError::Input { layer: name.into(), wanted, input: input.clone() };
    let image = || <[usize; 4]>::try_from(&dims[..]).map_err(|_| wants("images [h, w, c]"));
    let window =
        |window: [usize; 2]| ModelError::Window { layer: name.into(), window: window.into(), input: input.clone() };
    let pool = |window_size: [usize; 2], strides: Option<[usize; 2]>| {
        let stride = strides.unwrap_or(window_size);
        if window_size.contains(&0) || stride.contains(&0) {
            return Err(zero());
        }
        let pool = Pool2d { input: image()?, window: window_size, stride, padding: Padding::Valid };
        if pool.output().contains(&0) { Err(window(window_size)) } else { Ok(pool) }
    };
    let y = match *layer {
        Layer::Conv2d { filters, kernel_size: kernel, strides: stride, padding, activation } => {
            let relu = activation == Activation::Relu;
            let geometry = Conv2d { input: image()?, filters, kernel, stride, padding, bias: true, relu };
            if filters == 0 || kernel.contains(&0) || stride.contains(&0) {
                return Err(zero());
            }
            if geometry.output_size().contains(&0) {
                return Err(window(kernel));
            }
            let [h, w] = geometry.output_size();
            if !fits(&geometry.kernel_shape(), MOST_ELEMENTS) || !fits(&[h, w, filters], MOST_ELEMENTS) {
                return Err(too_large());
            }
            if !fits(&[&geometry.kernel_shape()[..], &[h, w]].concat(), MOST_PRODUCTS) {
                let what = "multiply-adds for an image";
                return Err(ModelError::TooLarge { layer: name.into(), most: MOST_PRODUCTS, what });
            }
            let w = graph.add_weights(name, geometry.variables(name))?;
            graph.conv2d(name, geometry, x, w)?
        }
        Layer::MaxPooling2d { pool_size, strides } => {
            let pool = pool(pool_size, strides)?;
            graph.max_pool2d(name, pool, x)?
        }
        Layer::AveragePooling2d { pool_size, strides } => {
            let pool = pool(pool_size, strides)?;
            graph.average_pool2d(name, pool, x)?
        }
        Layer::GlobalAveragePooling2d {} => {
            let [_, h, w, _] = image()?;
            let pool = pool([h, w], None)?;
            let y = graph.average_pool2d(name, pool, x)?;
            graph.flatten(name, y)?
        }
        Layer::Flatten {} => graph.flatten(name, x)?,
        Layer::Dense { units, activation } => {
            let input =
                <[usize; 2]>::try_from(&dims[..]).map_err(|_| wants("rows [features]; put `flatten` before it"))?;
            if units == 0 {
                return Err(zero());
            }
            if !fits(&[input[1], units], MOST_ELEMENTS) {
                return Err(too_large());
            }
            let dense = Dense { input, units, bias: true, relu: activation == Activation::Relu };
            let w = graph.add_weights(name, dense.variables(name))?;
            graph.dense(name, dense, x, w)?
        }
        Layer::Dropout { rate } => {
            if !(0.0..1.0).contains(&rate) {
                return Err(ModelError::Rate { layer: name.into(), rate });
            }
            graph.dropout(name, rate, x, minibatch)?
        }
        Layer::Activation { activation: Activation::Relu } => graph.relu(name, x)?,
        Layer::Activation { .. } => x,
    };
    let function = match layer.activation() {
        Activation::Gelu => ActivationFunction::Gelu,
        Activation::Tanh => ActivationFunction::Tanh,
        Activation::Sigmoid => ActivationFunction::Sigmoid,
        // Relu is part of its layer, and softmax is part of the loss.
        Activation::Linear | Activation::Relu | Activation::Softmax => return Ok(y),
    };
    Ok(graph.activation(name, function, y)?)
}
