//! Normalizations whose mean and variance Keras found in data, and keeps as variables. wgrad has them as options.

use super::network::{KerasNetwork, Place};
use crate::model::layers::{Normalization, PerChannel};

/// Shape and elements of a mean or a variance.
pub type Statistic = (Vec<usize>, Vec<f32>);

impl KerasNetwork {
    /// Gives the normalizations that were adapted their means and variances, which `read` finds for the name and the place
    /// of a layer.
    ///
    /// # Errors
    /// Those of `read`, or statistics that don't fit, in words.
    pub fn set_adapted(
        &mut self,
        mut read: impl FnMut(&str, &Place) -> Result<[Statistic; 2], String>,
    ) -> Result<(), String> {
        for name in &self.adapted {
            let place = self.places.get(name).ok_or_else(|| format!("there are no weights for layer `{name}`"))?;
            let [mean, variance] = read(name, place)?.map(|(shape, values)| match (&shape[..], &values[..]) {
                ([], [value]) => PerChannel::One(f64::from(*value)),
                _ => PerChannel::Each(values.into_iter().map(f64::from).collect()),
            });
            if let Some(layer) = self.network.layer_mut(name) {
                *layer = Normalization { mean, variance }.into();
            }
        }
        Ok(())
    }
}
