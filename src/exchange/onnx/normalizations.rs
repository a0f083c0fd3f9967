//! Normalizations and scales as ONNX nodes.

use super::graph::Layout::{ChannelsFirst, ChannelsLast};
use super::graph::{Builder, Held};
use super::proto::Attribute;
use crate::model::layers::{BatchNormalization, GroupNormalization, LayerNormalization};
use crate::ops::ChannelScale;

impl Builder<'_> {
    /// Subtracts, multiplies and adds a number for each channel. What would change nothing is left out, but for the product.
    pub(super) fn affine(&mut self, x: &mut Held, ChannelScale { center, scale, offset }: &ChannelScale) -> Held {
        let layout = x.layout();
        let sizes = match layout {
            ChannelsFirst => vec![scale.len(), 1, 1],
            ChannelsLast => vec![scale.len()],
        };
        let mut y = self.read(x, layout);
        for (constant, part, operation, numbers) in [
            ("center", "/centered", "Sub", center),
            ("scale", "/scaled", "Mul", scale),
            ("offset", "/shifted", "Add", offset),
        ] {
            let values: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
            if operation != "Mul" && values.iter().all(|value| *value == 0.0) {
                continue;
            }
            let numbers = self.floats(&format!("{}/{constant}", self.layer), &sizes, &values);
            y = self.node(part, operation, vec![y, numbers], Vec::new());
        }
        Held::new(&x.shape, layout, y)
    }

    pub(super) fn batch_normalization(&mut self, x: &mut Held, layer: &BatchNormalization, channels: usize) -> Held {
        let input = self.read(x, ChannelsFirst);
        let vectors = [("gamma", 1.0), ("beta", 0.0), ("moving_mean", 0.0), ("moving_variance", 1.0)];
        let vectors = vectors.map(|(variable, default)| self.vector(variable, channels, default));
        let epsilon = Attribute::float("epsilon", layer.epsilon as f32);
        let y = self.node("", "BatchNormalization", [vec![input], vectors.to_vec()].concat(), vec![epsilon]);
        Held::new(&x.shape, ChannelsFirst, y)
    }

    pub(super) fn layer_normalization(&mut self, x: &mut Held, layer: &LayerNormalization, channels: usize) -> Held {
        let input = self.read(x, ChannelsLast);
        let gamma = self.vector("gamma", channels, 1.0);
        let inputs = [input, gamma].into_iter().chain(self.parameter("beta")).collect();
        let attributes = vec![Attribute::int("axis", -1), Attribute::float("epsilon", layer.epsilon as f32)];
        let y = self.node("", "LayerNormalization", inputs, attributes);
        Held::channels_last(&x.shape, y)
    }

    /// ONNX has an operator for groups only since version 18, and not every program takes the sums of `InstanceNormalization`
    /// image by image.
    pub(super) fn group_normalization(&mut self, x: &mut Held, layer: &GroupNormalization, channels: usize) -> Held {
        let groups = usize::try_from(layer.groups).unwrap_or(channels);
        let shape = x.shape.clone();
        let elements: usize = shape.iter().product();
        let input = self.read(x, ChannelsFirst);
        let mut grouped = self.reshape("/groups", input, &[groups, elements / groups]);
        let grouped = self.read(&mut grouped, ChannelsLast);
        let along = || vec![Attribute::ints("axes", &[2]), Attribute::int("keepdims", 1)];
        let epsilon = self.floats(&format!("{}/epsilon", self.layer), &[], &[layer.epsilon as f32]);
        let mean = self.node("/mean", "ReduceMean", vec![grouped.clone()], along());
        let rest = self.node("/rest", "Sub", vec![grouped, mean], Vec::new());
        let squares = self.node("/squares", "Mul", vec![rest.clone(), rest.clone()], Vec::new());
        let variance = self.node("/variance", "ReduceMean", vec![squares], along());
        let variance = self.node("/variance/epsilon", "Add", vec![variance, epsilon], Vec::new());
        let deviation = self.node("/deviation", "Sqrt", vec![variance], Vec::new());
        let normalized = self.node("/normalized", "Div", vec![rest, deviation], Vec::new());
        let (sizes, ones) = match shape[..] {
            [h, w, c] => (vec![c, h, w], vec![channels, 1, 1]),
            _ => (shape.clone(), vec![channels]),
        };
        let mut y = self.reshape("/restored", normalized, &sizes);
        let mut name = self.read(&mut y, ChannelsLast);
        for (variable, part, operation) in [("gamma", "/scaled", "Mul"), ("beta", "/shifted", "Add")] {
            let Some(tensor) = self.variable(variable) else { continue };
            let factors = self.variable_floats(variable, &ones, &tensor.values);
            name = self.node(part, operation, vec![name, factors], Vec::new());
        }
        Held::new(&shape, ChannelsFirst, name)
    }
}
