//! Translation of a network into operations of a graph, layer by layer.

use super::lowering::Lowering;
use super::{Answer, ModelError, Network, Value};
use crate::graph::{Graph, Mode, Role, Target, TensorId, Tuning, Winograd};
use crate::minibatch::Minibatch;
use crate::ops::{Augmentation, Ingest};

/// Options of building a network that are not part of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildOptions {
    /// Measured choices of how to compute matrix products.
    pub tuning: Tuning,
    /// Changes that training makes to its images.
    pub augmentation: Augmentation,
    /// Label smoothing, in training and in evaluation, as in Keras.
    pub label_smoothing: f64,
    /// Whether operations that follow each other run as one where they can: see [`Graph::fuse`].
    pub fusion: bool,
    /// How many images the device holds, so that minibatches can name them: see [`Options::holding`](crate::exec::Options::holding).
    pub held_images: usize,
    /// Which convolutions run by Winograd's algorithm, which is faster but rounds more.
    pub winograd: Winograd,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            tuning: Tuning::default(),
            augmentation: Augmentation::default(),
            label_smoothing: 0.0,
            fusion: true,
            held_images: 0,
            winograd: Winograd::default(),
        }
    }
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

impl Network {
    /// Builds the graph for minibatches of `batch` images, from staged bytes to the loss.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row of logits.
    pub fn build(&self, batch: usize, target: Target) -> Result<Built, ModelError> {
        self.build_with(batch, target, BuildOptions::default())
    }

    /// [`Network::build`], with options.
    ///
    /// # Errors
    /// Those of [`Network::build`] and [`BuildOptions::check`].
    pub fn build_with(&self, batch: usize, target: Target, options: BuildOptions) -> Result<Built, ModelError> {
        if batch == 0 {
            return Err(ModelError::Batch);
        }
        options.check(self.input())?;
        let inferred = self.infer()?;
        let answer = self.answer()?;
        let (classes, exclusive) = (answer.classes(), matches!(answer, Answer::Softmax { .. }));
        // The loss takes the values before a softmax or sigmoid at the end.
        let network = self.to_logits();
        let BuildOptions { tuning, augmentation, label_smoothing: smoothing, fusion, held_images, winograd } = options;
        let mut graph = Graph::new(Target { winograd, ..target });
        graph.set_tuning(tuning);
        let [h, w, c] = self.input();
        let minibatch = graph.minibatch(Minibatch::new(batch, self.input()).beside(held_images));
        let mut values = vec![None; network.nodes().len()];
        let mut tensors = vec![Vec::new(); network.nodes().len()];
        let (scaling, scale) = network.scaled_image();
        let image = graph.ingest(Ingest { output: [batch, h, w, c], augmentation, scale }, minibatch)?;
        for place in scaling {
            values[place] = Some(image);
        }
        let value = |values: &[Option<TensorId>], value: Value| match value {
            Value::Layer(place) => values[place].unwrap_or(image),
            Value::Image => image,
        };
        for (place, (node, inferred)) in network.nodes().iter().zip(&inferred).enumerate() {
            // It became one operation with the ingest.
            if values[place].is_some() {
                continue;
            }
            let inputs: Vec<TensorId> = node.inputs.iter().map(|input| value(&values, *input)).collect();
            let (name, trainable, call) = (&node.name, node.trainable, self.call(place));
            let mut lowering = Lowering { graph: &mut graph, name, batch, minibatch, trainable, call };
            let weights = match node.weights {
                Some(owner) => tensors[owner].clone(),
                None => lowering.weights(&inferred.variables)?,
            };
            if !node.trainable {
                lowering.graph.freeze(&node.name);
            }
            values[place] = Some(node.layer.kind().lower(&mut lowering, &inputs, &weights)?);
            tensors[place] = weights;
        }
        // Behind all weights, so that what comes behind those of a chunk is at its end.
        for (place, weights) in tensors.iter().enumerate() {
            let (number, count) = self.call(place);
            for weights in weights.iter().filter(|_| number == 0 && count > 1) {
                if graph.variables_of(*weights).any(|variable| matches!(variable.role(), Role::Averaged { .. })) {
                    graph.share_statistics(*weights, count)?;
                }
            }
        }
        let logits = value(&values, network.output());
        let loss = match exclusive {
            true => graph.softmax_cross_entropy(logits, minibatch, smoothing)?,
            false => graph.binary_cross_entropy(logits, minibatch, smoothing)?,
        };
        if fusion {
            graph.fuse(Mode::Train, &[]);
            graph.fuse(Mode::Infer, &[logits]);
        }
        Ok(Built { graph, minibatch, classes, logits, loss })
    }
}
