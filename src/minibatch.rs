//! What the host hands to the device for one step: a record of numbers, the labels, and the pixels.
//!
//! This is the only description of that layout in Rust, and `shaders/step.wgsl` is the only one in WGSL. A test compares
//! the two.

use bytemuck::{Pod, Zeroable};
use thiserror::Error;

/// The numbers of one step, at the start of a minibatch. Shaders know it as `Step` in `shaders/step.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Step {
    /// Number of the step, modulo 2^32. It chooses the slot of the metrics.
    pub number: u32,
    /// How many images count. The rest of the minibatch is ignored.
    pub images: u32,
    /// Number of the update, counted from 1, modulo 2^32. Random numbers depend on it.
    pub update: u32,
    /// Factor of the gradient of the summed losses: `1 / images` makes it that of their mean.
    pub loss_scale: f32,
    /// Seed of the random numbers, the low word first.
    pub seed: [u32; 2],
    /// Step size of the optimizer, with its bias corrections folded in.
    pub rate: f32,
    /// Share of each weight that the update takes away.
    pub decay: f32,
    /// Factor of the weights that the update adds to their gradient.
    pub l2: f32,
    /// What the optimizer adds where it would divide by 0 else, or another number that its rule wants.
    pub epsilon: f32,
    /// Updates of the optimizer before this one.
    pub updates: u32,
    /// Place of the minibatch among those whose gradients are added up for one update.
    pub part: u32,
}

impl Step {
    /// A step whose loss is the mean over `images`; all else is 0.
    pub fn over(images: u32) -> Self {
        Self { images, loss_scale: 1.0 / images as f32, ..Self::default() }
    }

    /// The same with the two words of `seed`.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed: [seed as u32, (seed >> 32) as u32], ..self }
    }
}

/// Labels or pixels that do not fit a minibatch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MinibatchError {
    /// No image counts, or more than there is room for.
    #[error("the minibatch has {found} images that count; give it 1 to {most}")]
    Images {
        /// How many it has.
        found: u32,
        /// How many it has room for.
        most: usize,
    },
    /// Too few or too many labels or pixels.
    #[error("the minibatch has {found} {what} instead of {wanted}; images that do not count are there too, as zeros")]
    Length {
        /// Labels, or bytes of pixels.
        what: &'static str,
        /// How many it has.
        found: usize,
        /// How many it needs.
        wanted: usize,
    },
    /// A place at which the device holds no image.
    #[error("the minibatch asks for image {place}, but the device holds {held} images")]
    Place {
        /// The place.
        place: u32,
        /// How many images it holds.
        held: usize,
    },
    /// A label that names no class.
    #[error("image {image} of the minibatch has the label {label}, but labels go from 0 to {}", classes.saturating_sub(1))]
    Label {
        /// Place of the image.
        image: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
}

/// Sizes of a minibatch on the device: a [`Step`], a label for each image, and the pixels as bytes.
///
/// Where the device holds images of its own, a word follows the labels: 1 if the places of the minibatch's images among
/// those come next, and 0 if the pixels do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minibatch {
    images: usize,
    pixels: usize,
    held: usize,
}

/// The word between labels and pixels, and between labels and places.
const SENT: u32 = 0;
const HELD: u32 = 1;

impl Minibatch {
    /// Room for `images` images of `[h, w, c]` bytes.
    pub fn new(images: usize, image: [usize; 3]) -> Self {
        Self { images, pixels: image.iter().fold(images, |product, size| product.saturating_mul(*size)), held: 0 }
    }

    /// The same on a device that holds `images` images; none if 0.
    pub fn beside(self, images: usize) -> Self {
        Self { held: images, ..self }
    }

    /// How many images the device holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Words of 4 bytes that they take.
    pub fn held_words(&self) -> usize {
        (self.pixels / self.images.max(1)).saturating_mul(self.held).div_ceil(4)
    }

    /// Images that it has room for.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Bytes of the pixels of all images.
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Words of 4 bytes that it takes.
    pub fn words(&self) -> usize {
        let pixels = self.pixels.div_ceil(4);
        let rest = if self.held == 0 { pixels } else { pixels.max(self.images).saturating_add(1) };
        (size_of::<Step>() / 4).saturating_add(self.images).saturating_add(rest)
    }

    /// The bytes of a minibatch, in pieces: step, `labels` `[images]`, the word behind them if there is one, and `pixels`
    /// `[images, h, w, c]`.
    ///
    /// # Errors
    /// [`MinibatchError`], where they do not fit, or where the label of an image that counts is not below `classes`.
    pub fn pieces<'a>(
        &self,
        step: &'a Step,
        labels: &'a [u32],
        pixels: &'a [u8],
        classes: usize,
    ) -> Result<[&'a [u8]; 4], MinibatchError> {
        self.check(step, labels, ("bytes of pixels", pixels.len(), self.pixels), classes)?;
        let source: &[u32] = if self.held == 0 { &[] } else { &[SENT] };
        Ok([bytemuck::bytes_of(step), bytemuck::cast_slice(labels), bytemuck::cast_slice(source), pixels])
    }

    /// [`Minibatch::pieces`] of images that the device holds: their `places` `[images]` instead of their pixels.
    ///
    /// # Errors
    /// As there, and where the place of an image that counts is not below [`Minibatch::held`].
    pub fn pieces_held<'a>(
        &self,
        step: &'a Step,
        labels: &'a [u32],
        places: &'a [u32],
        classes: usize,
    ) -> Result<[&'a [u8]; 4], MinibatchError> {
        self.check(step, labels, ("places of images", places.len(), self.images), classes)?;
        match places[..step.images as usize].iter().find(|place| **place as usize >= self.held) {
            Some(place) => Err(MinibatchError::Place { place: *place, held: self.held }),
            None => Ok([
                bytemuck::bytes_of(step),
                bytemuck::cast_slice(labels),
                bytemuck::bytes_of(&HELD),
                bytemuck::cast_slice(places),
            ]),
        }
    }

    fn check(
        &self,
        step: &Step,
        labels: &[u32],
        rest: (&'static str, usize, usize),
        classes: usize,
    ) -> Result<(), MinibatchError> {
        let count = step.images as usize;
        if !(1..=self.images).contains(&count) {
            return Err(MinibatchError::Images { found: step.images, most: self.images });
        }
        for (what, found, wanted) in [("labels", labels.len(), self.images), rest] {
            if found != wanted {
                return Err(MinibatchError::Length { what, found, wanted });
            }
        }
        match labels[..count].iter().position(|label| *label as usize >= classes) {
            Some(image) => Err(MinibatchError::Label { image, label: labels[image], classes }),
            None => Ok(()),
        }
    }

    /// The same as words, with zeros behind the last pixel.
    ///
    /// # Errors
    /// As [`Minibatch::pieces`].
    pub fn encode(
        &self,
        step: &Step,
        labels: &[u32],
        pixels: &[u8],
        classes: usize,
    ) -> Result<Vec<u32>, MinibatchError> {
        let mut words = vec![0_u32; self.words()];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        let pieces = self.pieces(step, labels, pixels, classes)?.concat();
        bytes[..pieces.len()].copy_from_slice(&pieces);
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minibatch_is_its_step_then_labels_then_pixels() {
        let minibatch = Minibatch::new(3, [1, 2, 1]);
        let step = Step { number: 7, update: 9, rate: 0.5, epsilon: 2.0, part: 3, ..Step::over(2).seeded(1 << 32 | 5) };
        let words = minibatch.encode(&step, &[1, 0, 99], &[1, 2, 3, 4, 5, 6], 2).unwrap();
        let expected = [
            7,
            2,
            9,
            0.5_f32.to_bits(),
            5,
            1,
            0.5_f32.to_bits(),
            0,
            0,
            2.0_f32.to_bits(),
            0,
            3,
            1,
            0,
            99,
            0x0403_0201,
            0x0605,
        ];
        assert_eq!((words, minibatch.words()), (expected.to_vec(), 17));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let minibatch = Minibatch::new(3, [1, 2, 1]);
        let error = |images, labels: &[u32], pixels: &[u8]| {
            minibatch.pieces(&Step::over(images), labels, pixels, 4).unwrap_err().to_string()
        };
        for images in [0, 4, u32::MAX] {
            assert!(error(images, &[0; 3], &[0; 6]).contains("give it 1 to 3"));
        }
        assert!(error(3, &[0; 2], &[0; 6]).contains("2 labels instead of 3"));
        assert!(error(3, &[0; 4], &[0; 6]).contains("4 labels instead of 3"));
        assert!(error(3, &[0; 3], &[0; 5]).contains("5 bytes of pixels instead of 6"));
        assert!(error(3, &[0, 4, 1], &[0; 6]).contains("image 1 of the minibatch has the label 4"));
        assert!(error(2, &[u32::MAX, 4, 1], &[0; 6]).contains("labels go from 0 to 3"));
        // The label of an image that does not count is not looked at.
        assert!(minibatch.pieces(&Step::over(2), &[0, 3, 4], &[0; 6], 4).is_ok());
    }
}
