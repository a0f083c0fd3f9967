//! What max and average pooling share: everything but the operation.

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

/// Defines the layer `$kind`, whose operation the method `$operation` of a graph adds.
macro_rules! layer {
    ($(#[$doc:meta])* $kind:ident, $operation:ident) => {
        use serde::{Deserialize, Serialize};

        use super::options::{pair, some_pair};
        use super::pooling::Pooling;
        use super::{Inferred, Kind};
        use crate::graph::TensorId;
        use crate::model::ModelError;
        use crate::model::error::LayerError;
        use crate::model::lowering::Lowering;
        use crate::ops::Padding;
        use crate::shape::Shape;

        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $kind {
            /// `[h, w]` of the window.
            #[serde(deserialize_with = "pair")]
            pub pool_size: [usize; 2],
            /// `[sy, sx]`; the window's size if left out.
            #[serde(default, deserialize_with = "some_pair", skip_serializing_if = "Option::is_none")]
            pub strides: Option<[usize; 2]>,
            /// Whether windows may reach past the image. The cells there do not count.
            #[serde(default)]
            pub padding: Padding,
        }

        impl $kind {
            /// Pooling by a square window, whose stride is its width.
            pub fn new(pool_size: usize) -> Self {
                Self { pool_size: [pool_size; 2], strides: None, padding: Padding::Valid }
            }

            fn pooling(&self) -> Pooling {
                Pooling { window: self.pool_size, stride: self.strides.unwrap_or(self.pool_size), padding: self.padding }
            }
        }

        impl Kind for $kind {
            fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
                self.pooling().infer(inputs)
            }

            fn lower(
                &self,
                lowering: &mut Lowering<'_>,
                inputs: &[TensorId],
                _: &[TensorId],
            ) -> Result<TensorId, ModelError> {
                let pool = self.pooling().operation(lowering.batch, lowering.image(inputs[0]));
                Ok(lowering.graph.$operation(lowering.name, pool, inputs[0])?)
            }
        }
    };
}
pub(super) use layer;
