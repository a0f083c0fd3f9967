//! Images with labels, and sets of them.

use std::sync::Arc;

use super::Checksum;

/// Labelled 8-bit images: pixels `[n, h, w, c]`, interleaved, and one label an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    image_shape: [usize; 3],
    pixels: Vec<u8>,
    pub(super) labels: Vec<u16>,
}

impl Split {
    /// Holds `pixels` `[n, h, w, c]` of `image_shape` `[h, w, c]` and `labels` `[n]`. If there are more images than labels
    /// or the other way round, the rest is cut off.
    pub fn new(image_shape: [usize; 3], mut pixels: Vec<u8>, mut labels: Vec<u16>) -> Self {
        let image_len = image_shape.iter().product::<usize>();
        labels.truncate(pixels.len() / image_len.max(1));
        pixels.truncate(labels.len() * image_len);
        Self { image_shape, pixels, labels }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of an image, `[h, w, c]`.
    pub fn image_shape(&self) -> [usize; 3] {
        self.image_shape
    }

    /// Bytes of an image, `h * w * c`.
    pub fn image_len(&self) -> usize {
        self.image_shape.iter().product()
    }

    /// All pixels, `[n, h, w, c]`, 0 to 255.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All labels, `[n]`.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Pixels `[h, w, c]` of image `i`; none if there are no more than `i` images.
    pub fn image(&self, i: usize) -> Option<&[u8]> {
        let start = i.checked_mul(self.image_len())?;
        self.pixels.get(start..start.checked_add(self.image_len())?)
    }

    /// A copy of the first `limit` images, or of all if there are fewer.
    pub fn take(&self, limit: usize) -> Self {
        let len = limit.min(self.len());
        Self {
            image_shape: self.image_shape,
            pixels: self.pixels[..len * self.image_len()].to_vec(),
            labels: self.labels[..len].to_vec(),
        }
    }
}

/// A data set with its training and test images.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `cifar10`, `cifar100`, `mnist`, `fashion-mnist`, `shapes` or `folder`.
    pub name: String,
    /// The directory it was read from, or `generated`.
    pub origin: String,
    /// Shape of an image, `[h, w, c]`.
    pub image_shape: [usize; 3],
    /// Names of the classes, in label order.
    pub class_names: Vec<String>,
    /// Training images.
    pub train: Arc<Split>,
    /// Images that each epoch is evaluated on; the test images are if none.
    pub validation: Option<Arc<Split>>,
    /// Test images.
    pub test: Arc<Split>,
    /// Checksum of the images that the set was made of.
    pub checksum: Checksum,
}

impl Dataset {
    /// Puts a set together; the image shape is the training split's.
    pub fn new<S: Into<String>>(
        name: &str,
        origin: &str,
        class_names: impl IntoIterator<Item = S>,
        train: Split,
        test: Split,
    ) -> Self {
        let class_names: Vec<String> = class_names.into_iter().map(Into::into).collect();
        let (train, test) = (Arc::new(train), Arc::new(test));
        Self {
            name: name.into(),
            origin: origin.into(),
            checksum: Checksum::of(vec![train.clone(), test.clone()], class_names.len()),
            image_shape: train.image_shape,
            class_names,
            train,
            validation: None,
            test,
        }
    }

    /// The images that epochs are evaluated on: the validation images, or the test images where the set has none.
    pub fn validation_images(&self) -> &Arc<Split> {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// The set with the validation images that it came with.
    pub fn with_validation(self, validation: Split) -> Self {
        let validation = Arc::new(validation);
        let splits = vec![self.train.clone(), self.test.clone(), validation.clone()];
        let checksum = Checksum::of(splits, self.class_names.len());
        Self { checksum, validation: Some(validation), ..self }
    }
}
