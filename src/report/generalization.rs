//! What the losses of training and validation say about each other.

use std::fmt;

use crate::train::HistoryRow;

/// The smallest relative change of a loss that means something: from one epoch to the next it changes by about 1 % by
/// chance.
const NOTABLE: f64 = 0.02;
/// Number of epochs that make a trend; the change of a single epoch may be chance.
const TREND: usize = 2;

/// Whether a network overfits or underfits, as the losses of its history show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Generalization {
    /// There are too few epochs for a trend, which takes three.
    TooShort,
    /// Validation loss was lowest two or more epochs ago and has risen by 2 % or more, while training loss fell.
    Overfitting(Change),
    /// The same, but training loss has not fallen, so the network does not learn its images by heart.
    Diverging(Change),
    /// Validation loss is lowest now, and both losses fell by 2 % or more in the last two epochs.
    Underfitting(Change),
    /// None of the other cases.
    Balanced,
}

/// The figures of an epoch and of the last one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The epoch in which the change starts.
    pub from: HistoryRow,
    /// The last epoch.
    pub to: HistoryRow,
}

impl Generalization {
    /// Reads `rows`, which are in the order of their epochs.
    pub fn read(rows: &[HistoryRow]) -> Self {
        let lowest = (0..rows.len()).reduce(|a, b| if rows[b].val_loss < rows[a].val_loss { b } else { a });
        let (Some(lowest), Some(last)) = (lowest, rows.len().checked_sub(1)) else { return Self::TooShort };
        if last < TREND {
            return Self::TooShort;
        }
        let change = |from: usize| Change { from: rows[from], to: rows[last] };
        if last - lowest >= TREND && rows[last].val_loss >= (1.0 + NOTABLE) * rows[lowest].val_loss {
            let falls = rows[last].loss < rows[lowest].loss;
            return if falls { Self::Overfitting(change(lowest)) } else { Self::Diverging(change(lowest)) };
        }
        let before = last - TREND;
        let fell = |now: f64, then: f64| now <= (1.0 - NOTABLE) * then;
        let both = fell(rows[last].val_loss, rows[before].val_loss) && fell(rows[last].loss, rows[before].loss);
        if lowest == last && both { Self::Underfitting(change(before)) } else { Self::Balanced }
    }
}

/// A sentence or two.
impl fmt::Display for Generalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => {
                write!(f, "There are too few epochs to see overfitting or underfitting: a trend takes three.")
            }
            Self::Overfitting(Change { from, to }) => write!(
                f,
                "Overfitting since epoch {}: validation loss is lowest there ({:.3}) and rises to {:.3} in epoch {}, \
                 while training loss still falls, from {:.3} to {:.3}.",
                from.epoch, from.val_loss, to.val_loss, to.epoch, from.loss, to.loss
            ),
            Self::Diverging(Change { from, to }) => write!(
                f,
                "Diverging since epoch {}: validation loss rises from {:.3} to {:.3} in epoch {}, and training loss \
                 does not fall either, from {:.3} to {:.3}. A smaller learning rate may help.",
                from.epoch, from.val_loss, to.val_loss, to.epoch, from.loss, to.loss
            ),
            Self::Underfitting(Change { from, to }) => write!(
                f,
                "Underfitting: both losses still fall at the end. From epoch {} to {} training loss fell from {:.3} \
                 to {:.3} and validation loss from {:.3} to {:.3}, so more epochs would help.",
                from.epoch, to.epoch, from.loss, to.loss, from.val_loss, to.val_loss
            ),
            Self::Balanced => write!(
                f,
                "There is no sign of overfitting or underfitting: validation loss has not stayed 2 % above its lowest \
                 value, and the two losses no longer both fall by 2 % in two epochs."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(losses: &[(f64, f64)]) -> Vec<HistoryRow> {
        (1..)
            .zip(losses)
            .map(|(epoch, &(loss, val_loss))| HistoryRow { epoch, loss, val_loss, ..HistoryRow::default() })
            .collect()
    }

    fn read(losses: &[(f64, f64)]) -> Generalization {
        Generalization::read(&rows(losses))
    }

    /// The tutorial's network on CIFAR-10, ten epochs.
    const TUTORIAL: [(f64, f64); 10] = [
        (1.4967, 1.2935),
        (1.1401, 1.0627),
        (0.9897, 0.9699),
        (0.8847, 0.9673),
        (0.8173, 0.9554),
        (0.7561, 0.9757),
        (0.7033, 0.8836),
        (0.6592, 0.8909),
        (0.6206, 0.9030),
        (0.5776, 0.9209),
    ];

    #[test]
    fn the_tutorial_overfits_in_the_end_and_not_before() {
        let sentence = read(&TUTORIAL).to_string();
        assert!(sentence.starts_with("Overfitting since epoch 7: "), "{sentence}");
        assert!(sentence.contains("(0.884) and rises to 0.921 in epoch 10"), "{sentence}");
        // One bad epoch is no trend, nor is a rise of less than 2 %.
        assert_eq!(read(&TUTORIAL[..6]), Generalization::Balanced);
        assert_eq!(read(&TUTORIAL[..8]), Generalization::Balanced);
        assert!(matches!(read(&TUTORIAL[..3]), Generalization::Underfitting(_)));
    }

    #[test]
    fn a_loss_that_rises_in_training_too_is_no_overfitting() {
        let sentence = read(&[(2.0, 2.0), (1.0, 1.0), (1.1, 1.2), (1.3, 1.4)]).to_string();
        assert!(sentence.starts_with("Diverging since epoch 2: "), "{sentence}");
    }

    #[test]
    fn underfitting_needs_both_to_fall() {
        let sentence = read(&[(2.0, 2.0), (1.5, 1.6), (1.2, 1.4), (1.0, 1.3)]).to_string();
        assert!(sentence.starts_with("Underfitting: ") && sentence.contains("From epoch 2 to 4 "), "{sentence}");
        for flat in [
            // validation
            [(2.0, 2.0), (1.5, 1.5), (1.2, 1.495), (1.0, 1.49)],
            // training
            [(1.0, 2.0), (1.0, 1.6), (1.0, 1.4), (1.0, 1.3)],
        ] {
            assert_eq!(read(&flat), Generalization::Balanced, "{flat:?}");
        }
    }

    #[test]
    fn two_epochs_are_too_few() {
        for losses in [&[][..], &[(1.0, 1.0)], &[(1.0, 1.0), (0.5, 2.0)]] {
            assert_eq!(read(losses), Generalization::TooShort);
        }
    }
}
