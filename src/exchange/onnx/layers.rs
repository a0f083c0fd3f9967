//! Layers as ONNX nodes.

use super::graph::Layout::{ChannelsFirst, ChannelsLast};
use super::graph::{Builder, Held};
use super::proto::Attribute;
use crate::model::layers::Relu;
use crate::model::{Layer, Node};
use crate::ops::Padding;

impl Builder<'_> {
    /// Adds a layer whose output has the sizes `output`, without the batch. Where a value is transposed for it, the value
    /// keeps that under its name.
    pub fn layer(&mut self, node: &Node, inputs: &mut [Held], output: &[usize]) -> Held {
        self.layer.clone_from(&node.name);
        let [x, ..] = inputs else { return Held::channels_last(output, String::new()) };
        let channels = x.shape.last().copied().unwrap_or(1);
        let value = match &node.layer {
            Layer::Conv2d(layer) => {
                let windows = Windows { size: layer.kernel_size, strides: layer.strides, padding: layer.padding };
                self.convolution(["", "kernel"], x, &windows, 1, output)
            }
            Layer::DepthwiseConv2d(layer) => {
                let windows = Windows { size: layer.kernel_size, strides: layer.strides, padding: layer.padding };
                self.convolution(["", "kernel"], x, &windows, channels, output)
            }
            Layer::SeparableConv2d(layer) => {
                let windows = Windows { size: layer.kernel_size, strides: layer.strides, padding: layer.padding };
                let [h, w] = [output[0], output[1]];
                let middle = [h, w, channels * layer.depth_multiplier];
                let mut y = self.convolution(["/depthwise", "depthwise_kernel"], x, &windows, channels, &middle);
                let windows = Windows { size: [1; 2], strides: [1; 2], padding: Padding::Valid };
                self.convolution(["", "pointwise_kernel"], &mut y, &windows, 1, output)
            }
            Layer::MaxPooling2d(layer) => {
                let strides = layer.strides.unwrap_or(layer.pool_size);
                self.pool("MaxPool", x, &Windows { size: layer.pool_size, strides, padding: layer.padding }, output)
            }
            Layer::AveragePooling2d(layer) => {
                let strides = layer.strides.unwrap_or(layer.pool_size);
                self.pool("AveragePool", x, &Windows { size: layer.pool_size, strides, padding: layer.padding }, output)
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
            Layer::Dropout(_) | Layer::Activation(_) => x.clone(),
            Layer::Relu(layer) => self.relu(x, layer),
            Layer::LeakyRelu(layer) => self.relu(x, &Relu { negative_slope: layer.negative_slope, ..Relu::default() }),
            Layer::ZeroPadding2d(layer) => self.zero_padding(x, layer.padding, output),
            Layer::BatchNormalization(layer) => self.batch_normalization(x, layer, channels),
            Layer::LayerNormalization(layer) => self.layer_normalization(x, layer, channels),
            Layer::GroupNormalization(layer) => self.group_normalization(x, layer, channels),
            Layer::Add(_) => self.chain("Add", inputs, output),
            Layer::Multiply(_) => self.chain("Mul", inputs, output),
            Layer::Concatenate(_) => self.concatenate(inputs, output),
        };
        self.activation(node.layer.activation(), value)
    }

    /// A convolution in `groups` of channels. The bias belongs to the part without a name.
    fn convolution(
        &mut self,
        [part, kernel]: [&str; 2],
        x: &mut Held,
        windows: &Windows,
        groups: usize,
        output: &[usize],
    ) -> Held {
        let inputs = x.shape.last().map_or(1, |channels| channels / groups);
        let pads = windows.pads(&x.shape, output);
        let x = self.read(x, ChannelsFirst);
        let mut attributes = vec![
            Attribute::ints("kernel_shape", &windows.size),
            Attribute::ints("strides", &windows.strides),
            Attribute::ints("pads", &pads),
        ];
        if groups > 1 {
            attributes.push(Attribute::int("group", groups as i64));
        }
        let ([h, w], filters) = (windows.size, output.last().copied().unwrap_or(1));
        let values = self.variable(kernel).map_or(&[][..], |kernel| &kernel.values);
        let values = to_oihw(values, h * w, inputs, filters);
        let kernel = self.variable_floats(kernel, &[filters, inputs, h, w], &values);
        let bias = if part.is_empty() { self.parameter("bias") } else { None };
        let y = self.node(part, "Conv", [x, kernel].into_iter().chain(bias).collect(), attributes);
        Held::new(output, ChannelsFirst, y)
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

/// Windows over an image.
struct Windows {
    size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
}

impl Windows {
    /// The border `[top, left, bottom, right]` of an image `[h, w, ..]` from which `output` `[oh, ow, ..]` is made.
    fn pads(&self, input: &[usize], output: &[usize]) -> [usize; 4] {
        let [[top, bottom], [left, right]] = [0, 1].map(|axis| match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => {
                let covered = (output[axis] - 1) * self.strides[axis] + self.size[axis];
                let padding = covered.saturating_sub(input[axis]);
                [padding / 2, padding.div_ceil(2)]
            }
        });
        [top, left, bottom, right]
    }
}

/// A kernel `[cells, c, filters]` as `[filters, c, cells]`.
fn to_oihw(values: &[f32], cells: usize, c: usize, filters: usize) -> Vec<f32> {
    let mut transposed = Vec::with_capacity(values.len());
    for filter in 0..filters {
        for channel in 0..c {
            transposed.extend((0..cells).map(|cell| values[(cell * c + channel) * filters + filter]));
        }
    }
    transposed
}
