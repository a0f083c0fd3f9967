//! Counts which classes a network takes for which.

use std::collections::BTreeMap;

use crate::data::Split;
use crate::train::Predictions;

/// Numbers of images by true class and by predicted class. It needs memory only for the pairs of classes that occur.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: BTreeMap<(usize, usize), u64>,
    rows: Vec<u64>,
    columns: Vec<u64>,
}

/// How well a network finds a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScore {
    /// Share of the images predicted as the class that are of the class; nothing if no image was predicted as it.
    pub precision: Option<f64>,
    /// Share of the images of the class that were predicted as it; nothing if no image is of the class.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall; nothing if no image is of the class and none was predicted as it.
    pub f1: Option<f64>,
    /// Number of images of the class.
    pub support: u64,
}

impl ConfusionMatrix {
    /// Counts pairs of true and predicted class. Pairs with a class past the last one are left out.
    pub fn new(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut matrix = Self { classes, counts: BTreeMap::new(), rows: vec![0; classes], columns: vec![0; classes] };
        for (truth, prediction) in pairs.into_iter().filter(|&(a, b)| a.max(b) < classes) {
            *matrix.counts.entry((truth, prediction)).or_default() += 1;
            matrix.rows[truth] += 1;
            matrix.columns[prediction] += 1;
        }
        matrix
    }

    /// Counts the images of `split` by label and prediction.
    pub fn of(split: &Split, predictions: &Predictions) -> Self {
        let labels = split.labels().iter().map(|&label| usize::from(label));
        let predicted = (0..predictions.len()).filter_map(|i| predictions.predicted(i));
        Self::new(predictions.classes(), labels.zip(predicted))
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of images of class `truth` that were predicted as `prediction`.
    pub fn count(&self, truth: usize, prediction: usize) -> u64 {
        self.counts.get(&(truth, prediction)).copied().unwrap_or(0)
    }

    /// Number of images of class `truth`.
    pub fn support(&self, truth: usize) -> u64 {
        self.rows.get(truth).copied().unwrap_or(0)
    }

    /// True class, predicted class and number of images of each pair that occurs, in the order of the true classes.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> + '_ {
        self.counts.iter().map(|(&(truth, prediction), &count)| (truth, prediction, count))
    }

    /// The scores of each class.
    pub fn scores(&self) -> Vec<ClassScore> {
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        (0..self.classes)
            .map(|class| {
                let (found, support, predicted) = (self.count(class, class), self.rows[class], self.columns[class]);
                ClassScore {
                    precision: ratio(found, predicted),
                    recall: ratio(found, support),
                    f1: ratio(2 * found, support + predicted),
                    support,
                }
            })
            .collect()
    }

    /// The `most` pairs of different classes with the most images, in falling order.
    pub fn confused(&self, most: usize) -> Vec<(usize, usize, u64)> {
        let mut pairs: Vec<_> = self.pairs().filter(|(truth, prediction, _)| truth != prediction).collect();
        pairs.sort_by_key(|&(truth, prediction, count)| (std::cmp::Reverse(count), truth, prediction));
        pairs.truncate(most);
        pairs
    }

    /// Joins each `size` neighbouring classes into one, so that a drawing has room for them.
    pub(super) fn joined(&self, size: usize) -> Self {
        let mut joined = Self::new(self.classes.div_ceil(size), []);
        for (truth, prediction, count) in self.pairs() {
            *joined.counts.entry((truth / size, prediction / size)).or_default() += count;
            joined.rows[truth / size] += count;
            joined.columns[prediction / size] += count;
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes: 0 found twice of three times; 1 never predicted; 2 never there.
    fn matrix() -> ConfusionMatrix {
        ConfusionMatrix::new(3, [(0, 0), (0, 2), (1, 0), (0, 0), (1, 0), (7, 0), (0, 3)])
    }

    #[test]
    fn rows_are_true_classes() {
        let matrix = matrix();
        assert_eq!([matrix.count(0, 0), matrix.count(0, 2), matrix.count(2, 0), matrix.count(1, 0)], [2, 1, 0, 2]);
        assert_eq!(matrix.confused(9), [(1, 0, 2), (0, 2, 1)]);
        assert_eq!(matrix.confused(1), [(1, 0, 2)]);
    }

    #[test]
    fn scores_without_a_denominator_are_absent() {
        let [a, b, c] = matrix().scores()[..] else { panic!() };
        assert_eq!((a.precision, a.recall, a.support), (Some(0.5), Some(2.0 / 3.0), 3));
        assert!((a.f1.unwrap() - 4.0 / 7.0).abs() < 1e-15);
        assert_eq!((b.precision, b.recall, b.f1, b.support), (None, Some(0.0), Some(0.0), 2));
        assert_eq!((c.precision, c.recall, c.f1, c.support), (Some(0.0), None, Some(0.0), 0));
        let none = ConfusionMatrix::new(1, []).scores()[0];
        assert_eq!((none.precision, none.recall, none.f1), (None, None, None));
    }

    #[test]
    fn joining_neighbours_keeps_every_image() {
        let joined = matrix().joined(2);
        assert_eq!(joined.classes(), 2);
        assert_eq!([joined.count(0, 0), joined.count(0, 1), joined.support(0)], [4, 1, 5]);
    }

    #[test]
    fn room_is_taken_by_the_pairs_that_occur() {
        let matrix = ConfusionMatrix::new(65_536, [(65_535, 0)]);
        assert_eq!(matrix.pairs().collect::<Vec<_>>(), [(65_535, 0, 1)]);
    }
}
