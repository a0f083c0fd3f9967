//! What the outputs of a network say about an image.

use std::fmt;

use super::{Activation, ModelError, Network, Value};
use crate::shape::Shape;

/// How the outputs of a network answer which class an image is of. The last activation decides it. The loss and every
/// probability are computed from the logits, the values before that activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of the classes is right: the probabilities are the softmax of the logits, and sum to 1. A network that ends in
    /// softmax or without a sigmoid answers so.
    Softmax {
        /// Number of classes, which is that of the outputs.
        classes: usize,
    },
    /// Each class is right or wrong by itself: each probability is the sigmoid of the class's logit, and their sum has no
    /// meaning. A network that ends in several sigmoid units answers so.
    Sigmoid {
        /// Number of classes, which is that of the outputs.
        classes: usize,
    },
    /// There are two classes and one output: the sigmoid of its logit is the probability of the second class, as in
    /// Keras. A network that ends in one unit, sigmoid or linear, answers so.
    Binary,
}

impl Answer {
    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Softmax { classes } | Self::Sigmoid { classes } => classes,
            Self::Binary => 2,
        }
    }

    /// Number of logits of an image.
    pub fn outputs(self) -> usize {
        match self {
            Self::Softmax { classes } | Self::Sigmoid { classes } => classes,
            Self::Binary => 1,
        }
    }

    /// The name that files have for it: `softmax`, `sigmoid` or `binary`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax { .. } => "softmax",
            Self::Sigmoid { .. } => "sigmoid",
            Self::Binary => "binary",
        }
    }

    /// Probabilities `[classes]` of an image with `logits` `[outputs]`; none where there are no logits.
    pub fn probabilities(self, logits: &[f32]) -> Vec<f64> {
        match (self, logits) {
            (_, []) => Vec::new(),
            (Self::Softmax { .. }, _) => softmax(logits),
            (Self::Sigmoid { .. }, _) => logits.iter().map(|logit| sigmoid(f64::from(*logit))).collect(),
            // Not 1 - p, which would lose the digits of a small probability.
            (Self::Binary, [logit, ..]) => [-logit, *logit].map(|logit| sigmoid(f64::from(logit))).into(),
        }
    }

    /// The most probable class of an image with `logits` `[outputs]`, the first of equal ones; none where there are no
    /// logits.
    pub fn predicted(self, logits: &[f32]) -> Option<usize> {
        match (self, logits) {
            // As in Keras, a probability of exactly one half is not above the threshold.
            (Self::Binary, [logit, ..]) => Some(usize::from(*logit > 0.0)),
            _ => (0..logits.len()).reduce(|best, class| if logits[class] > logits[best] { class } else { best }),
        }
    }

    /// The classes of an image with `logits` `[outputs]` by their probabilities, the highest first, and of equal ones
    /// the first.
    pub fn ranked(self, logits: &[f32]) -> Vec<usize> {
        if self == Self::Binary {
            return self.predicted(logits).map(|class| vec![class, 1 - class]).unwrap_or_default();
        }
        // The sum makes -0 and 0 equal.
        let key = |class: usize| logits[class] + 0.0;
        let mut classes: Vec<usize> = (0..logits.len()).collect();
        classes.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        classes
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Softmax { classes } => write!(f, "a softmax over {classes} classes"),
            Self::Sigmoid { classes } => write!(f, "a sigmoid for each of {classes} classes by itself"),
            Self::Binary => f.write_str("one sigmoid, which is the probability of the second of 2 classes"),
        }
    }
}

impl Network {
    /// How the network answers.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row.
    pub fn answer(&self) -> Result<Answer, ModelError> {
        let output = self.infer()?.pop().map_or_else(|| Shape::from(self.input()), |last| last.shape);
        let [outputs] = *output.dims() else { return Err(ModelError::Output(output)) };
        Ok(match self.final_activation() {
            Activation::Softmax => Answer::Softmax { classes: outputs },
            _ if outputs == 1 => Answer::Binary,
            Activation::Sigmoid => Answer::Sigmoid { classes: outputs },
            _ => Answer::Softmax { classes: outputs },
        })
    }

    /// Number of classes that the network distinguishes: 2 if it has one output, else the number of its outputs.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row.
    pub fn classes(&self) -> Result<usize, ModelError> {
        Ok(self.answer()?.classes())
    }

    /// Makes sure that the network takes images of the shape `input` `[h, w, c]` and distinguishes `classes` classes.
    ///
    /// # Errors
    /// [`ModelError::Data`] if it does not, and the errors of a network that cannot be built.
    pub fn check_data(&self, input: [usize; 3], classes: usize) -> Result<(), ModelError> {
        if self.input() != input {
            let [wanted, found] = [self.input(), input].map(|[h, w, c]| format!("images of {h} x {w} x {c}"));
            return Err(ModelError::Data { wanted, found });
        }
        let own = self.classes()?;
        if own != classes {
            let [wanted, found] = [own, classes].map(|count| format!("{count} classes"));
            return Err(ModelError::Data { wanted, found });
        }
        Ok(())
    }

    /// The last activation that the outputs go through.
    pub fn final_activation(&self) -> Activation {
        self.last_that_computes().map_or(Activation::Linear, |place| self.nodes()[place].layer.activation())
    }

    /// The network without a softmax or sigmoid at its end: it ends in the logits that its loss is computed from.
    pub(super) fn to_logits(&self) -> Self {
        let mut network = self.clone();
        if let Some(place) = self.last_that_computes()
            && matches!(self.final_activation(), Activation::Softmax | Activation::Sigmoid)
        {
            network.node_mut(place).layer.set_activation(Activation::Linear);
        }
        network
    }

    /// Place of the last layer that changes the values of its input in inference.
    pub(super) fn last_that_computes(&self) -> Option<usize> {
        let mut value = self.output();
        loop {
            let Value::Layer(place) = value else { return None };
            match &self.nodes()[place] {
                node if node.layer.passes_on() && node.inputs.len() == 1 => value = node.inputs[0],
                _ => return Some(place),
            }
        }
    }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let parts: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.iter().map(|part| part / sum).collect()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sequential, layers};

    fn model() -> Sequential {
        Sequential::new([2, 2, 1]).flatten()
    }

    #[test]
    fn the_last_activation_decides_the_answer() {
        let softmax = |classes| Answer::Softmax { classes };
        let sigmoid = |classes| Answer::Sigmoid { classes };
        let head = |units, activation| model().dense(units).activation(activation);
        for (model, answer) in [
            (head(3, Activation::Linear), softmax(3)),
            (head(3, Activation::Softmax), softmax(3)),
            (head(3, Activation::Relu), softmax(3)),
            (head(3, Activation::Sigmoid), sigmoid(3)),
            (head(2, Activation::Sigmoid), sigmoid(2)),
            (head(1, Activation::Sigmoid), Answer::Binary),
            (head(1, Activation::Linear), Answer::Binary),
            // Keras says 1 to every image.
            (head(1, Activation::Softmax), softmax(1)),
            // Layers behind the activation that pass its values on.
            (head(3, Activation::Sigmoid).flatten().dropout(0.5), sigmoid(3)),
            (head(3, Activation::Sigmoid).layer(layers::Activation::new(Activation::Linear)), sigmoid(3)),
            // A layer of its own.
            (model().dense(3).relu().activation(Activation::Sigmoid), sigmoid(3)),
            (head(3, Activation::Sigmoid).dense(4), softmax(4)),
            (Sequential::new([2, 2, 3]).conv2d(4, 2).activation(Activation::Sigmoid).flatten(), sigmoid(4)),
        ] {
            assert_eq!(model.answer().unwrap(), answer, "{model:?}");
            assert_eq!(model.classes().unwrap(), answer.classes());
        }
        assert!(matches!(Sequential::new([2, 2, 1]).answer(), Err(ModelError::Output(_))));
    }

    #[test]
    fn only_a_softmax_or_sigmoid_at_the_end_is_taken_off() {
        let twice = model().dense(3).activation(Activation::Sigmoid).activation(Activation::Sigmoid);
        let once = model().dense(3).activation(Activation::Sigmoid);
        assert_eq!(once.to_logits(), *model().dense(3));
        assert_eq!(twice.to_logits(), *once.layer(layers::Activation::new(Activation::Linear)));
        let softmax = model().dense(3).activation(Activation::Softmax);
        assert_eq!(softmax.to_logits(), *model().dense(3));
        let relu = model().dense(3).relu();
        assert_eq!(relu.to_logits(), *relu);
    }

    #[test]
    fn probabilities_of_each_kind() {
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() <= 1e-15 * expected, "{found} {expected}");
            }
        };
        let third = 1.0 / 3.0;
        close(Answer::Softmax { classes: 3 }.probabilities(&[-7.5; 3]), &[third; 3]);
        // 1 / (1 + e^2), 1 / 2, 1 / (1 + e^-2): the sum is not 1.
        let expected = [0.119_202_922_022_117_57, 0.5, 0.880_797_077_977_882_4];
        close(Answer::Sigmoid { classes: 3 }.probabilities(&[-2.0, 0.0, 2.0]), &expected);
        close(Answer::Binary.probabilities(&[2.0]), &[expected[0], expected[2]]);
        // e^-100, where 1 - p would be 0.
        close(Answer::Binary.probabilities(&[100.0]), &[3.720_075_976_020_836e-44, 1.0]);
        for answer in [Answer::Binary, Answer::Sigmoid { classes: 1 }, Answer::Softmax { classes: 1 }] {
            assert!(answer.probabilities(&[1e30]).iter().all(|p| (0.0..=1.0).contains(p)), "{answer:?}");
            assert!(answer.probabilities(&[-1e30]).iter().all(|p| (0.0..=1.0).contains(p)), "{answer:?}");
            assert!(answer.probabilities(&[]).is_empty() && answer.ranked(&[]).is_empty());
            assert_eq!(answer.predicted(&[]), None);
        }
    }

    #[test]
    fn classes_are_ranked_and_the_first_of_equal_ones_is_ahead() {
        let softmax = Answer::Softmax { classes: 4 };
        assert_eq!(softmax.ranked(&[0.0, 2.0, -0.0, 2.0]), [1, 3, 0, 2]);
        assert_eq!(softmax.ranked(&[-0.0, 0.0]), [0, 1]);
        assert_eq!(softmax.predicted(&[0.0, 2.0, -0.0, 2.0]), Some(1));
        for (logit, ranked) in [(0.1, [1, 0]), (0.0, [0, 1]), (-0.1, [0, 1])] {
            assert_eq!(Answer::Binary.ranked(&[logit]), ranked);
            assert_eq!(Answer::Binary.predicted(&[logit]), Some(ranked[0]));
        }
    }
}
