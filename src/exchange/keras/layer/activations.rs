//! Activations as layers.

use super::super::options::Options;
use crate::model::layers::{self, Elu, LeakyRelu, PRelu, Relu};
use crate::model::{Activation, Layer};

pub fn layer(class: &str, options: &mut Options, _: &mut i64) -> Result<Option<Layer>, String> {
    Ok(Some(match class {
        "Activation" => layers::Activation { activation: options.take("activation")? }.into(),
        "ReLU" => relu(options)?,
        "LeakyReLU" => {
            // Keras 2's word is `alpha`.
            let option = if options.has("alpha") { "alpha" } else { "negative_slope" };
            LeakyRelu { negative_slope: options.take(option)? }.into()
        }
        "PReLU" => {
            options.forget_initializers();
            PRelu { shared_axes: options.take_or("shared_axes", None)? }.into()
        }
        "ELU" => Elu { alpha: options.take_or("alpha", 1.0)? }.into(),
        "Softmax" => {
            options.only("axis", -1)?;
            layers::Activation::new(Activation::Softmax).into()
        }
        _ => return Ok(None),
    }))
}

/// The options of a relu.
pub fn relu(options: &mut Options) -> Result<Layer, String> {
    Ok(Relu {
        max_value: options.take_or("max_value", None)?,
        negative_slope: options.take_or("negative_slope", None)?.unwrap_or(0.0),
        threshold: options.take_or("threshold", None)?.unwrap_or(0.0),
    }
    .into())
}
