//! Activations as ONNX nodes.

use super::graph::{Builder, Held, Layout};
use super::proto::Attribute;
use crate::model::Activation;
use crate::model::layers::Relu;
use crate::ops::SELU;

impl Builder<'_> {
    /// Adds an activation of a value.
    pub fn activation(&mut self, activation: Activation, mut value: Held) -> Held {
        let layout = match activation {
            Activation::Linear => return value,
            // It works along the last axis.
            Activation::Softmax => Layout::ChannelsLast,
            _ => value.layout(),
        };
        let x = self.read(&mut value, layout);
        let y = self.function(activation, x);
        Held::new(&value.shape, layout, y)
    }

    fn function(&mut self, activation: Activation, x: String) -> String {
        match activation {
            Activation::Linear => x,
            Activation::Relu => self.node("/relu", "Relu", vec![x], Vec::new()),
            Activation::Tanh => self.node("/tanh", "Tanh", vec![x], Vec::new()),
            Activation::Sigmoid => self.node("/sigmoid", "Sigmoid", vec![x], Vec::new()),
            Activation::Softmax => self.node("/softmax", "Softmax", vec![x], vec![Attribute::int("axis", -1)]),
            Activation::Relu6 => {
                let limits = [("zero", 0.0), ("six", 6.0)].map(|(constant, value)| self.scalar(constant, value));
                self.node("/relu6", "Clip", [vec![x], limits.to_vec()].concat(), Vec::new())
            }
            Activation::LeakyRelu => {
                self.node("/leaky_relu", "LeakyRelu", vec![x], vec![Attribute::float("alpha", 0.2)])
            }
            Activation::Silu => {
                let share = self.node("/silu/sigmoid", "Sigmoid", vec![x.clone()], Vec::new());
                self.node("/silu", "Mul", vec![x, share], Vec::new())
            }
            Activation::HardSigmoid => self.hard_sigmoid("/hard_sigmoid", x),
            Activation::HardSilu => {
                let share = self.hard_sigmoid("/hard_silu/sigmoid", x.clone());
                self.node("/hard_silu", "Mul", vec![x, share], Vec::new())
            }
            Activation::Elu => self.node("/elu", "Elu", vec![x], Vec::new()),
            Activation::Selu => {
                // Some programs round ONNX's own numbers.
                let [alpha, gamma] = SELU.map(|number| number as f32);
                let attributes = vec![Attribute::float("alpha", alpha), Attribute::float("gamma", gamma)];
                self.node("/selu", "Selu", vec![x], attributes)
            }
            Activation::Softplus => self.node("/softplus", "Softplus", vec![x], Vec::new()),
            // ONNX has an operator for it only since version 18.
            Activation::Mish => {
                let softplus = self.node("/mish/softplus", "Softplus", vec![x.clone()], Vec::new());
                let share = self.node("/mish/tanh", "Tanh", vec![softplus], Vec::new());
                self.node("/mish", "Mul", vec![x, share], Vec::new())
            }
            Activation::Exponential => self.node("/exponential", "Exp", vec![x], Vec::new()),
            // x (1 + erf(x / sqrt(2))) / 2
            Activation::Gelu => {
                let [root, one, half] =
                    [("root_of_half", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)]
                        .map(|(constant, value)| self.scalar(constant, value));
                let scaled = self.node("/gelu/scaled", "Mul", vec![x.clone(), root], Vec::new());
                let erf = self.node("/gelu/erf", "Erf", vec![scaled], Vec::new());
                let plus_one = self.node("/gelu/plus_one", "Add", vec![erf, one], Vec::new());
                let times_x = self.node("/gelu/times_x", "Mul", vec![plus_one, x], Vec::new());
                self.node("/gelu", "Mul", vec![times_x, half], Vec::new())
            }
        }
    }

    /// A relu with options. ONNX has no threshold: a mask chooses between what is above it and what is below.
    pub fn relu(&mut self, value: &mut Held, options: &Relu) -> Held {
        let Relu { max_value, negative_slope: slope, threshold } = *options;
        let layout = value.layout();
        let x = self.read(value, layout);
        let mut y = match (slope, threshold) {
            (0.0, 0.0) => self.node("", "Relu", vec![x], Vec::new()),
            (_, 0.0) => self.node("", "LeakyRelu", vec![x], vec![Attribute::float("alpha", slope as f32)]),
            _ => {
                let layer = self.layer.clone();
                let numbers = [("threshold", threshold), ("slope", slope)];
                let [threshold, slope] =
                    numbers.map(|(part, number)| self.floats(&format!("{layer}/{part}"), &[], &[number as f32]));
                let above = self.node("/above", "Greater", vec![x.clone(), threshold.clone()], Vec::new());
                let rest = self.node("/rest", "Sub", vec![x.clone(), threshold], Vec::new());
                let below = self.node("/below", "Mul", vec![rest, slope], Vec::new());
                self.node("/joined", "Where", vec![above, x, below], Vec::new())
            }
        };
        if let Some(most) = max_value {
            let most = self.floats(&format!("{}/max_value", self.layer), &[], &[most as f32]);
            y = self.node("/limited", "Min", vec![y, most], Vec::new());
        }
        Held::new(&value.shape, layout, y)
    }

    pub fn elu(&mut self, value: &mut Held, alpha: f64) -> Held {
        let layout = value.layout();
        let x = self.read(value, layout);
        let y = self.node("", "Elu", vec![x], vec![Attribute::float("alpha", alpha as f32)]);
        Held::new(&value.shape, layout, y)
    }

    /// `relu6(x + 3) / 6`, which ONNX writes as `min(max(x / 6 + 1 / 2, 0), 1)`.
    fn hard_sigmoid(&mut self, part: &str, x: String) -> String {
        let attributes = vec![Attribute::float("alpha", 1.0 / 6.0), Attribute::float("beta", 0.5)];
        self.node(part, "HardSigmoid", vec![x], attributes)
    }
}
