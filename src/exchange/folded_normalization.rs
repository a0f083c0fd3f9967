//! Batch normalizations folded into the convolutions and dense layers before them, for inference.

use std::collections::HashMap;

use super::{ExchangeError, Weights};
use crate::model::{Layer, NamedTensor};

impl Weights {
    /// The weights of the network without the batch normalizations that directly follow a convolution or a dense layer,
    /// whose kernel and bias do their work. In inference it answers as before but for the rounding; the factors are computed
    /// in float64. A normalization stays where a number that it would make is not finite as float32.
    ///
    /// # Errors
    /// [`ExchangeError::NoModel`] and [`ExchangeError::Misfit`].
    pub fn fold_normalization(self) -> Result<Self, ExchangeError> {
        let Some(model) = &self.model else { return Err(ExchangeError::NoModel) };
        self.check_fit(model)?;
        let mut tensors: HashMap<&str, &NamedTensor> = HashMap::new();
        tensors.extend(self.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)));
        let mut folds = model.folds();
        let mut made: HashMap<String, [NamedTensor; 2]> = HashMap::new();
        folds.retain(|fold| {
            let [layer, normalization] = [fold.product, fold.normalization].map(|place| &model.nodes()[place]);
            let Layer::BatchNormalization(options) = &normalization.layer else { return false };
            let values = |layer: &str, variable: &str| {
                tensors.get(format!("{layer}/{variable}").as_str()).map(|tensor| &tensor.values[..])
            };
            let of = |variable: &str| values(&normalization.name, variable);
            let (Some(kernel), Some(mean), Some(variance)) = (
                tensors.get(format!("{}/{}", layer.name, fold.kernel).as_str()),
                of("moving_mean"),
                of("moving_variance"),
            ) else {
                return false;
            };
            let at = |values: Option<&[f32]>, channel: usize, other: f64| {
                values.and_then(|values| values.get(channel)).map_or(other, |value| f64::from(*value))
            };
            let (gamma, beta, bias) = (of("gamma"), of("beta"), values(&layer.name, "bias"));
            let factor =
                |channel: usize| at(gamma, channel, 1.0) / (at(Some(variance), channel, 1.0) + options.epsilon).sqrt();
            let factors: Vec<f64> = (0..variance.len()).map(factor).collect();
            let products = kernel.values.iter().enumerate();
            let products = products.map(|(i, value)| (f64::from(*value) * factors[i % factors.len()]) as f32);
            let kernel = NamedTensor { values: products.collect(), ..NamedTensor::clone(kernel) };
            let shifted = |(channel, factor): (usize, &f64)| {
                let centered = at(bias, channel, 0.0) - at(Some(mean), channel, 0.0);
                (centered * factor + at(beta, channel, 0.0)) as f32
            };
            let values: Vec<f32> = factors.iter().enumerate().map(shifted).collect();
            let bias = NamedTensor { name: format!("{}/bias", layer.name), shape: vec![values.len()], values };
            let finite = [&kernel, &bias].iter().all(|tensor| tensor.values.iter().all(|value| value.is_finite()));
            if finite {
                made.insert(layer.name.clone(), [kernel, bias]);
            }
            finite
        });
        let network = model.clone().folded(&folds);
        let mut folded = Vec::new();
        for (node, inferred) in network.nodes().iter().zip(network.infer()?) {
            let made = made.get(&node.name).map(|made| &made[..]).unwrap_or_default();
            for variable in inferred.variables.iter().flatten() {
                let made = made.iter().find(|tensor| tensor.name == variable.name);
                folded.extend(made.or_else(|| tensors.get(variable.name.as_str()).copied()).cloned());
            }
        }
        Ok(Self { tensors: folded, model: Some(network), class_names: self.class_names.clone() })
    }
}
