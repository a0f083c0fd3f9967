//! What max and average pooling share.

use super::{Inferred, image, positive, within};
use crate::model::error::LayerError;
use crate::ops::{Padding, Pool2d};
use crate::shape::Shape;

/// Windows and their distances, `[y, x]`.
pub struct Pooling {
    pub window: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
}

impl Pooling {
    /// The windows over `n` images `[h, w, c]`.
    pub fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> Pool2d {
        let stride = within(self.stride, [h, w]);
        Pool2d { input: [n, h, w, c], window: self.window, stride, padding: self.padding }
    }

    /// The output for `inputs`.
    pub fn infer(&self, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let image = image(inputs)?;
        positive(&[self.window, self.stride].concat())?;
        match self.operation(1, image).output() {
            [_, h, w, c] if h > 0 && w > 0 => Ok(Inferred::shape([h, w, c])),
            _ => Err(LayerError::Window(self.window)),
        }
    }
}
