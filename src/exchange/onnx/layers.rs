//! Layers as ONNX nodes.

use super::convolutions::{Windows, to_channels_first};
use super::graph::Layout::{ChannelsFirst, ChannelsLast};
use super::graph::{Builder, Held};
use super::proto::Attribute;
use crate::model::layers::{Relu, UpSampling2d};
use crate::model::{Layer, Node};
use crate::ops::{Interpolation, Padding};

impl Builder<'_> {
    /// Adds a layer whose output has the sizes `output`, without the batch. Where a value is transposed for it, the value
    /// keeps that under its name.
    pub fn layer(&mut self, node: &Node, inputs: &mut [Held], output: &[usize]) -> Held {
        self.layer.clone_from(&node.name);
        let [x, ..] = inputs else { return Held::channels_last(output, String::new()) };
        let channels = x.shape.last().copied().unwrap_or(1);
        let value = match &node.layer {
            Layer::Conv2d(layer) => {
                let windows = Windows {
                    dilation: layer.dilation_rate,
                    ..Windows::new(layer.kernel_size, layer.strides, layer.padding)
                };
                self.convolution(["", "kernel"], x, &windows, layer.groups, output)
            }
            Layer::DepthwiseConv2d(layer) => {
                let windows = Windows {
                    dilation: layer.dilation_rate,
                    ..Windows::new(layer.kernel_size, layer.strides, layer.padding)
                };
                self.convolution(["", "kernel"], x, &windows, channels, output)
            }
            Layer::SeparableConv2d(layer) => {
                let windows = Windows {
                    dilation: layer.dilation_rate,
                    ..Windows::new(layer.kernel_size, layer.strides, layer.padding)
                };
                let [h, w] = [output[0], output[1]];
                let middle = [h, w, channels * layer.depth_multiplier];
                let mut y = self.convolution(["/depthwise", "depthwise_kernel"], x, &windows, channels, &middle);
                let windows = Windows::new([1; 2], [1; 2], Padding::Valid);
                self.convolution(["", "pointwise_kernel"], &mut y, &windows, 1, output)
            }
            Layer::Conv2dTranspose(layer) => {
                let windows = Windows::new(layer.kernel_size, layer.strides, layer.padding);
                self.transposed_convolution(x, &windows, output)
            }
            Layer::MaxPooling2d(layer) => {
                let strides = layer.strides.unwrap_or(layer.pool_size);
                self.pool("MaxPool", x, &Windows::new(layer.pool_size, strides, layer.padding), output)
            }
            Layer::AveragePooling2d(layer) => {
                let strides = layer.strides.unwrap_or(layer.pool_size);
                self.pool("AveragePool", x, &Windows::new(layer.pool_size, strides, layer.padding), output)
            }
            Layer::GlobalAveragePooling2d(layer) => {
                self.global_pool("/mean", "GlobalAveragePool", x, layer.keepdims, output)
            }
            Layer::GlobalMaxPooling2d(layer) => self.global_pool("/max", "GlobalMaxPool", x, layer.keepdims, output),
            Layer::Flatten(_) => {
                let x = self.read(x, ChannelsLast);
                let y = self.node("", "Flatten", vec![x], vec![Attribute::int("axis", 1)]);
                Held::channels_last(output, y)
            }
            Layer::Reshape(_) => {
                let x = self.read(x, ChannelsLast);
                self.reshape("", x, output)
            }
            Layer::Dense(_) => self.dense(x, output),
            Layer::Rescaling(_) | Layer::Normalization(_) => match node.layer.channel_scale(channels) {
                Some(scale) => self.affine(x, &scale),
                None => x.clone(),
            },
            // Dropout acts in training only.
            Layer::Dropout(_) | Layer::SpatialDropout2d(_) | Layer::Activation(_) => x.clone(),
            Layer::Relu(layer) => self.relu(x, layer),
            Layer::LeakyRelu(layer) => self.relu(x, &Relu { negative_slope: layer.negative_slope, ..Relu::default() }),
            Layer::PRelu(_) => self.of_variable("PRelu", "alpha", x),
            Layer::Elu(layer) => self.elu(x, layer.alpha),
            Layer::LayerScale(_) => self.of_variable("Mul", "gamma", x),
            Layer::ZeroPadding2d(layer) => self.zero_padding(x, layer.padding, output),
            Layer::Cropping2d(layer) => self.cropping(x, layer.cropping, output),
            Layer::UpSampling2d(layer) => self.up_sampling(x, layer, output),
            Layer::BatchNormalization(layer) => self.batch_normalization(x, layer, channels),
            Layer::LayerNormalization(layer) => self.layer_normalization(x, layer, channels),
            Layer::GroupNormalization(layer) => self.group_normalization(x, layer, channels),
            Layer::Add(_) => self.chain("Add", inputs, output),
            Layer::Multiply(_) => self.chain("Mul", inputs, output),
            Layer::Concatenate(_) => self.concatenate(inputs, output),
        };
        self.activation(node.layer.activation(), value)
    }

    fn pool(&mut self, operation: &str, x: &mut Held, windows: &Windows, output: &[usize]) -> Held {
        let pads = windows.pads(&x.shape, output);
        let x = self.read(x, ChannelsFirst);
        let mut attributes =
            vec![Attribute::ints("kernel_shape", &windows.size), Attribute::ints("strides", &windows.strides)];
        // The border does not count in averages, which is ONNX's default.
        if pads != [0; 4] {
            attributes.push(Attribute::ints("pads", &pads));
        }
        let y = self.node("", operation, vec![x], attributes);
        Held::new(output, ChannelsFirst, y)
    }

    fn global_pool(&mut self, part: &str, operation: &str, x: &mut Held, keepdims: bool, output: &[usize]) -> Held {
        let x = self.read(x, ChannelsFirst);
        if keepdims {
            let y = self.node("", operation, vec![x], Vec::new());
            return Held::new(output, ChannelsFirst, y);
        }
        let y = self.node(part, operation, vec![x], Vec::new());
        let y = self.node("", "Flatten", vec![y], vec![Attribute::int("axis", 1)]);
        Held::channels_last(output, y)
    }

    fn dense(&mut self, x: &mut Held, output: &[usize]) -> Held {
        let rows = x.shape.len() == 1;
        let x = self.read(x, ChannelsLast);
        let kernel = self.parameter("kernel");
        let bias = self.parameter("bias");
        let with_kernel = [x].into_iter().chain(kernel);
        let y = match bias {
            Some(bias) if rows => self.node("", "Gemm", with_kernel.chain([bias]).collect(), Vec::new()),
            Some(bias) => {
                let product = self.node("/product", "MatMul", with_kernel.collect(), Vec::new());
                self.node("", "Add", vec![product, bias], Vec::new())
            }
            None => self.node("", "MatMul", with_kernel.collect(), Vec::new()),
        };
        Held::channels_last(output, y)
    }

    pub(super) fn reshape(&mut self, part: &str, x: String, shape: &[usize]) -> Held {
        let sizes: Vec<i64> = std::iter::once(-1).chain(shape.iter().map(|size| *size as i64)).collect();
        let sizes = self.integers(&format!("{part}/shape"), &sizes);
        let y = self.node(part, "Reshape", vec![x, sizes], Vec::new());
        Held::channels_last(shape, y)
    }

    fn zero_padding(
        &mut self,
        x: &mut Held,
        [[top, bottom], [left, right]]: [[usize; 2]; 2],
        output: &[usize],
    ) -> Held {
        let layout = x.layout();
        let x = self.read(x, layout);
        // What comes before each axis, and then what comes behind each.
        let sides = match layout {
            ChannelsFirst => [0, 0, top, left, 0, 0, bottom, right],
            ChannelsLast => [0, top, left, 0, 0, bottom, right, 0],
        };
        let sides = self.integers("/pads", &sides.map(|size| size as i64));
        let y = self.node("", "Pad", vec![x, sides], Vec::new());
        Held::new(output, layout, y)
    }

    fn cropping(&mut self, x: &mut Held, [[top, _], [left, _]]: [[usize; 2]; 2], output: &[usize]) -> Held {
        let layout = x.layout();
        let x = self.read(x, layout);
        let axes = if layout == ChannelsFirst { [2, 3] } else { [1, 2] };
        let numbers = [("/first", [top, left]), ("/end", [top + output[0], left + output[1]]), ("/axes", axes)];
        let numbers = numbers.map(|(part, numbers)| self.integers(part, &numbers.map(|number| number as i64)));
        let y = self.node("", "Slice", std::iter::once(x).chain(numbers).collect(), Vec::new());
        Held::new(output, layout, y)
    }

    fn up_sampling(&mut self, x: &mut Held, layer: &UpSampling2d, output: &[usize]) -> Held {
        let x = self.read(x, ChannelsFirst);
        let [y, x_factor] = layer.size.map(|factor| factor as f32);
        // Only another mode reads the region.
        let region = self.floats(&format!("{}/region", self.layer), &[0], &[]);
        let factors = self.floats(&format!("{}/factors", self.layer), &[4], &[1.0, 1.0, y, x_factor]);
        let (mode, coordinates) = match layer.interpolation {
            Interpolation::Nearest => ("nearest", "asymmetric"),
            Interpolation::Bilinear => ("linear", "half_pixel"),
        };
        let attributes = vec![
            Attribute::word("mode", mode),
            Attribute::word("coordinate_transformation_mode", coordinates),
            Attribute::word("nearest_mode", "floor"),
        ];
        let y = self.node("", "Resize", vec![x, region, factors], attributes);
        Held::new(output, ChannelsFirst, y)
    }

    /// An operation of a value and of a variable of the layer, which has the last sizes of the value.
    fn of_variable(&mut self, operation: &str, variable: &str, x: &mut Held) -> Held {
        let layout = x.layout();
        let name = self.read(x, layout);
        let tensor = self.variable(variable);
        let (shape, values) = tensor.map_or((&[][..], &[][..]), |tensor| (&tensor.shape[..], &tensor.values[..]));
        let [h, w, c] = match *shape {
            [h, w, c] => [h, w, c],
            _ => [1, 1, shape.iter().product()],
        };
        let variable = match layout {
            ChannelsFirst => {
                let values = to_channels_first(values, h * w, c);
                self.variable_floats(&format!("{variable}/nchw"), &[c, h, w], &values)
            }
            ChannelsLast => self.variable_floats(variable, shape, values),
        };
        let y = self.node("", operation, vec![name, variable], Vec::new());
        Held::new(&x.shape, layout, y)
    }

    /// An operation of two values, applied to several from left to right.
    fn chain(&mut self, operation: &str, inputs: &mut [Held], output: &[usize]) -> Held {
        let (layout, names) = self.read_all(inputs);
        let last = names.len().saturating_sub(1);
        let mut names = names.into_iter();
        let mut y = names.next().unwrap_or_default();
        for (place, name) in names.enumerate() {
            let part = if place + 1 == last { String::new() } else { format!("/{}", place + 1) };
            y = self.node(&part, operation, vec![y, name], Vec::new());
        }
        Held::new(output, layout, y)
    }

    fn concatenate(&mut self, inputs: &mut [Held], output: &[usize]) -> Held {
        let (layout, names) = self.read_all(inputs);
        let axis = if layout == ChannelsFirst { 1 } else { output.len() as i64 };
        let y = self.node("", "Concat", names, vec![Attribute::int("axis", axis)]);
        Held::new(output, layout, y)
    }

    /// The names of several values in one order of axes: ONNX's, if one of them is in that.
    fn read_all(&mut self, inputs: &mut [Held]) -> (super::graph::Layout, Vec<String>) {
        let first = inputs.iter().any(|input| input.layout() == ChannelsFirst);
        let layout = if first { ChannelsFirst } else { ChannelsLast };
        (layout, inputs.iter_mut().map(|input| self.read(input, layout)).collect())
    }
}
