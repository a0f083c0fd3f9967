//! Validation images that are drawn from the training images.

use std::sync::Arc;

use super::{DataError, Dataset, Sampler, Split};

/// Stream of the generator that chooses the images; those of epochs are counted from 1.
const STREAM: u64 = u64::MAX;

impl Split {
    /// A copy of the images at `places`, in that order; places past the end are left out.
    pub fn select(&self, places: impl IntoIterator<Item = usize>) -> Self {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for place in places {
            if let Some(image) = self.image(place) {
                pixels.extend_from_slice(image);
                labels.push(self.labels()[place]);
            }
        }
        Self::new(self.image_shape(), pixels, labels)
    }
}

impl Dataset {
    /// Takes `share` of the images of each class from the training images and makes them the validation images: the
    /// nearest whole number, but one image at least, and never all of a class. `seed` chooses which. Both sets keep the
    /// order that the images had; the checksum stays that of the whole set.
    ///
    /// # Errors
    /// [`DataError::BadShare`] for a share that is not between 0 and 1, [`DataError::HasValidation`] where there are
    /// validation images, and [`DataError::TooFewToHoldOut`] where a class has a single training image.
    pub fn hold_out(self, share: f64, seed: u64) -> Result<Self, DataError> {
        if !(share > 0.0 && share < 1.0) {
            return Err(DataError::BadShare(share));
        }
        if self.validation.is_some() {
            return Err(DataError::HasValidation { origin: self.origin });
        }
        let labels = self.train.labels();
        let mut left: Vec<usize> = vec![0; self.class_names.len()];
        for label in labels {
            left[usize::from(*label)] += 1;
        }
        for (images, name) in left.iter_mut().zip(&self.class_names) {
            *images = match *images {
                0 => 0,
                1 => return Err(DataError::TooFewToHoldOut { class: name.clone() }),
                images => ((images as f64 * share).round() as usize).clamp(1, images - 1),
            };
        }
        let mut is_held_out = vec![false; labels.len()];
        for place in Sampler::new(labels.len(), seed).permutation(STREAM) {
            let left = &mut left[usize::from(labels[place as usize])];
            if *left > 0 {
                *left -= 1;
                is_held_out[place as usize] = true;
            }
        }
        let of = |held_out: bool| self.train.select((0..labels.len()).filter(|place| is_held_out[*place] == held_out));
        let (train, validation) = (Arc::new(of(false)), Some(Arc::new(of(true))));
        Ok(Self { train, validation, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set whose image `i` has the pixel `i` and the label `labels[i]`.
    fn dataset(labels: &[u16]) -> Dataset {
        let split = |labels: &[u16]| Split::new([1, 1, 1], (0..labels.len() as u8).collect(), labels.to_vec());
        Dataset::new("set", "here", ["a", "b", "c"], split(labels), split(&[0, 1, 2]))
    }

    fn count(split: &Split, label: u16) -> usize {
        split.labels().iter().filter(|found| **found == label).count()
    }

    #[test]
    fn every_class_gives_its_share_and_no_image_is_lost() {
        let labels: Vec<u16> = (0..200).map(|i| if i % 4 == 0 { 0 } else { 1 + (i % 2) }).collect();
        let whole = dataset(&labels);
        for share in [0.1, 0.25, 0.5, 0.999, 1e-9] {
            let held = whole.clone().hold_out(share, 7).unwrap();
            let validation = held.validation.as_ref().unwrap();
            for label in 0..3 {
                let all = count(&whole.train, label);
                let expected = ((all as f64 * share).round() as usize).clamp(1, all - 1);
                assert_eq!(count(validation, label), expected, "{share}");
                assert_eq!(count(&held.train, label), all - expected);
            }
            // The pixels are the places that the images had.
            assert!(held.train.pixels().is_sorted() && validation.pixels().is_sorted());
            let mut both = [held.train.pixels(), validation.pixels()].concat();
            both.sort_unstable();
            assert_eq!(both, whole.train.pixels());
            assert!(validation.pixels().iter().zip(validation.labels()).all(|(i, l)| labels[usize::from(*i)] == *l));
            assert_eq!((held.test, held.checksum.get()), (whole.test.clone(), whole.checksum.get()));
        }
    }

    #[test]
    fn the_seed_alone_chooses() {
        let whole = dataset(&[0, 1, 2].repeat(40));
        let drawn = |seed| whole.clone().hold_out(0.2, seed).unwrap().validation.unwrap();
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        // Pinned: a run must be resumed with the same images by later versions.
        assert_eq!(drawn(0).pixels()[..6], [15, 25, 28, 40, 47, 50]);
    }
    #[test]
    fn what_can_not_be_drawn_is_an_error() {
        let whole = dataset(&[0, 1, 2].repeat(4));
        for share in [0.0, 1.0, -0.1, f64::NAN, 10.0] {
            assert!(matches!(whole.clone().hold_out(share, 0), Err(DataError::BadShare(_))), "{share}");
        }
        let error = dataset(&[0, 0, 1, 1, 2]).hold_out(0.1, 0).unwrap_err().to_string();
        assert!(error.contains("`c`"), "{error}");
        // A class without training images has none to give.
        assert_eq!(dataset(&[0, 0, 1, 1]).hold_out(0.5, 0).unwrap().validation.unwrap().len(), 2);
        let own = whole.clone().with_validation(Split::new([1, 1, 1], vec![1], vec![0]));
        assert!(matches!(own.hold_out(0.1, 0), Err(DataError::HasValidation { .. })));
    }
}
