//! The outputs of a network for each image of a split.

use crate::model::Answer;

/// Logits of a split, in its order, and how they are to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    answer: Answer,
    logits: Vec<f32>,
}

impl Predictions {
    /// Holds `logits` `[n, outputs]` of a network that answers as `answer` says; a row that is cut short is left out.
    pub fn new(answer: Answer, mut logits: Vec<f32>) -> Self {
        let outputs = answer.outputs();
        logits.truncate(logits.len() / outputs.max(1) * outputs);
        Self { answer, logits }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.logits.len() / self.answer.outputs().max(1)
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How the network answers.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.answer.classes()
    }

    /// Logits `[outputs]` of image `i`; empty past the end.
    pub fn logits(&self, i: usize) -> &[f32] {
        self.logits.chunks_exact(self.answer.outputs().max(1)).nth(i).unwrap_or_default()
    }

    /// Probabilities `[classes]` of image `i`; empty past the end.
    pub fn probabilities(&self, i: usize) -> Vec<f64> {
        self.answer.probabilities(self.logits(i))
    }

    /// The most probable class of image `i`, the first of equal ones; none past the end.
    pub fn predicted(&self, i: usize) -> Option<usize> {
        self.answer.predicted(self.logits(i))
    }

    /// The `k` most probable classes of image `i`, the most probable one first.
    pub fn top(&self, i: usize, k: usize) -> Vec<usize> {
        let mut classes = self.answer.ranked(self.logits(i));
        classes.truncate(k);
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softmax(classes: usize, logits: Vec<f32>) -> Predictions {
        Predictions::new(Answer::Softmax { classes }, logits)
    }

    #[test]
    fn rows_are_ranked_and_normalised() {
        let predictions = softmax(3, vec![1.0, 3.0, 2.0, 0.5, 0.5, -1.0, 9.0]);
        assert_eq!((predictions.len(), predictions.classes()), (2, 3));
        assert_eq!([0, 1, 2].map(|i| predictions.predicted(i)), [Some(1), Some(0), None]);
        assert_eq!(predictions.top(0, 2), [1, 2]);
        assert_eq!(predictions.top(1, 9), [0, 1, 2]);
        // exp(1), exp(3), exp(2) over their sum.
        let expected = [0.090_030_573_170_380_46, 0.665_240_955_774_821_6, 0.244_728_471_054_797_6];
        for (found, expected) in predictions.probabilities(0).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
    }

    #[test]
    fn the_most_probable_come_first_and_of_equals_the_first() {
        let predictions = softmax(5, vec![1.0, 3.0, 1.0, -200.0, 2.0]);
        assert_eq!(predictions.top(0, 4), [1, 4, 0, 2]);
        let probabilities = predictions.probabilities(0);
        let sum = 1.0 + (-1.0_f64).exp() + 2.0 * (-2.0_f64).exp();
        assert!((probabilities[1] - 1.0 / sum).abs() < 1e-12 && probabilities[0] == probabilities[2]);
        let all: f64 = softmax(3, vec![700.0, -700.0, 699.0]).probabilities(0).iter().sum();
        assert!((all - 1.0).abs() < 1e-12);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let probabilities = softmax(2, vec![1e30, -1e30]).probabilities(0);
        assert_eq!(probabilities, [1.0, 0.0]);
    }

    #[test]
    fn one_output_has_two_classes() {
        let predictions = Predictions::new(Answer::Binary, vec![-2.0, 0.5]);
        assert_eq!((predictions.len(), predictions.classes()), (2, 2));
        assert_eq!([0, 1, 2].map(|i| predictions.predicted(i)), [Some(0), Some(1), None]);
        assert_eq!([predictions.top(1, 9), predictions.top(1, 1)], [vec![1, 0], vec![1]]);
        assert_eq!(predictions.logits(1), [0.5]);
        assert_eq!(predictions.probabilities(0).len(), 2);
    }

    #[test]
    fn no_classes_are_no_images() {
        let predictions = softmax(0, vec![1.0]);
        assert!(predictions.is_empty() && predictions.probabilities(0).is_empty());
        assert_eq!(predictions.predicted(0), None);
    }
}
