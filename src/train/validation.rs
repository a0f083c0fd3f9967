//! The images that epochs are judged by.

use std::fmt;

use super::RunSpec;
use crate::data::Dataset;

/// Where the images come from that each epoch is evaluated on: the figures by which the best weights are chosen, early
/// stopping ends a run, and plateaus lower the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// They were drawn from the training images.
    Split {
        /// Share of each class.
        share: f64,
        /// What chose them.
        seed: u64,
    },
    /// The data set came with them.
    OfTheSet,
    /// They are the test images, so the final evaluation is not on images that nothing was chosen by.
    TestImages,
}

impl Validation {
    /// What the run that `spec` describes is judged by on `dataset`.
    pub fn of(spec: &RunSpec, dataset: &Dataset) -> Self {
        match (spec.validation_split, &dataset.validation) {
            (Some(share), _) => Self::Split { share, seed: spec.seed },
            (None, Some(_)) => Self::OfTheSet,
            (None, None) => Self::TestImages,
        }
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split { share, seed } => {
                // Without the digits that come from 0.07 not being a binary number.
                let percent = (share * 1e8).round() / 1e6;
                write!(f, "a validation split: {percent} % of the training images, drawn with seed {seed}")
            }
            Self::OfTheSet => f.write_str("the validation images of the data set"),
            Self::TestImages => f.write_str("the test images themselves, which each epoch was evaluated on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_they_were_given() {
        for (share, percent) in [(0.1, "10 %"), (0.07, "7 %"), (0.001, "0.1 %"), (0.333, "33.3 %")] {
            let text = Validation::Split { share, seed: 3 }.to_string();
            assert!(text.contains(&format!(": {percent} of")) && text.ends_with("seed 3"), "{text}");
        }
    }
}
