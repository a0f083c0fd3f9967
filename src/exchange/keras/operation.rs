//! Operations on tensors, such as `x + y` and `2 * x`, which are no layers in Keras.

use super::calls::{Call, Constant};
use super::layer::{KerasLayer, relu};
use super::options::Options;
use crate::model::Layer;
use crate::model::layers::{Add, Multiply, PerChannel, Rescaling};

/// Where operations on tensors come from.
const NUMPY: &str = "keras.src.ops.numpy";

/// Where activations come from that are called as functions.
const ACTIVATIONS: &str = "keras.src.activations.activations";

/// Reads an operation with its calls. One with a number becomes a rescaling.
///
/// # Errors
/// The class, option or number that wgrad doesn't have, in words.
pub fn operation(module: &str, class: &str, mut options: Options, calls: &[Call]) -> Result<KerasLayer, String> {
    options.remove("name");
    let layer = match (module, class, constant(calls)?) {
        (NUMPY, "Add", None) => Add {}.into(),
        (NUMPY, "Multiply", None) => Multiply {}.into(),
        (NUMPY, "Negative", None) => Rescaling::new(-1.0).into(),
        (NUMPY, _, Some(constant)) => with_constant(class, constant)?,
        (ACTIVATIONS, "ReLU", None) => relu(&mut options)?,
        (NUMPY, ..) => return Err("of operations on tensors, wgrad has `x + y`, `x * y` and `-x` only".into()),
        _ => return Err(format!("it is of a class of `{module}`, but wgrad has only layers of Keras itself")),
    };
    options.finish()?;
    Ok(KerasLayer::new(layer))
}

/// The number that every call has, if they have one.
fn constant(calls: &[Call]) -> Result<Option<Constant>, String> {
    let constant = calls.first().and_then(|call| call.constant);
    match calls.iter().all(|call| call.constant == constant) {
        true => Ok(constant),
        false => Err("it is called with different numbers".into()),
    }
}

/// An operation of a tensor and a number.
fn with_constant(class: &str, Constant { value, is_first }: Constant) -> Result<Layer, String> {
    let (scale, offset) = match (class, is_first) {
        ("Add", _) => (1.0, value),
        ("Subtract", false) => (1.0, -value),
        ("Subtract", true) => (-1.0, value),
        ("Multiply", _) => (value, 0.0),
        ("Divide" | "TrueDivide", false) if value != 0.0 => (1.0 / value, 0.0),
        _ => {
            return Err(format!(
                "it is called with the number {value}; of operations with numbers, wgrad has `x + 2`, `x - 2`, `2 - x`, \
                 `x * 2` and `x / 2` only"
            ));
        }
    };
    Ok(Rescaling { scale: PerChannel::One(scale), offset: PerChannel::One(offset) }.into())
}
