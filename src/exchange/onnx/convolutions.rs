//! Convolutions as ONNX nodes, and windows over images.

use super::graph::Layout::ChannelsFirst;
use super::graph::{Builder, Held};
use super::proto::Attribute;
use crate::ops::Padding;

impl Builder<'_> {
    /// A convolution in `groups` of channels. The bias belongs to the part without a name.
    pub(super) fn convolution(
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
        if windows.dilation != [1; 2] {
            attributes.push(Attribute::ints("dilations", &windows.dilation));
        }
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

    pub(super) fn transposed_convolution(&mut self, x: &mut Held, windows: &Windows, output: &[usize]) -> Held {
        let inputs = x.shape.last().copied().unwrap_or(1);
        let pads = windows.pads(output, &x.shape);
        let more = [0, 1].map(|axis| {
            let reached = (x.shape[axis] - 1) * windows.strides[axis] + windows.size[axis];
            output[axis] + pads[axis] + pads[axis + 2] - reached
        });
        let x = self.read(x, ChannelsFirst);
        let attributes = vec![
            Attribute::ints("kernel_shape", &windows.size),
            Attribute::ints("strides", &windows.strides),
            Attribute::ints("pads", &pads),
            Attribute::ints("output_padding", &more),
        ];
        let ([h, w], filters) = (windows.size, output.last().copied().unwrap_or(1));
        // Here the kernel is that of the convolution which goes the other way.
        let values = self.variable("kernel").map_or(&[][..], |kernel| &kernel.values);
        let values = to_oihw(values, h * w, filters, inputs);
        let kernel = self.variable_floats("kernel", &[inputs, filters, h, w], &values);
        let bias = self.parameter("bias");
        let y = self.node("", "ConvTranspose", [x, kernel].into_iter().chain(bias).collect(), attributes);
        Held::new(output, ChannelsFirst, y)
    }
}

/// Windows over an image.
pub(super) struct Windows {
    pub size: [usize; 2],
    pub strides: [usize; 2],
    /// From one cell of a window to the next.
    pub dilation: [usize; 2],
    pub padding: Padding,
}

impl Windows {
    /// Windows without gaps.
    pub fn new(size: [usize; 2], strides: [usize; 2], padding: Padding) -> Self {
        Self { size, strides, dilation: [1; 2], padding }
    }

    /// The border `[top, left, bottom, right]` of an image `[h, w, ..]` from which `output` `[oh, ow, ..]` is made.
    pub fn pads(&self, input: &[usize], output: &[usize]) -> [usize; 4] {
        let [[top, bottom], [left, right]] = [0, 1].map(|axis| match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => {
                let window = (self.size[axis] - 1) * self.dilation[axis] + 1;
                let covered = (output[axis] - 1) * self.strides[axis] + window;
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

/// Numbers `[pixels, c]` as `[c, pixels]`.
pub(super) fn to_channels_first(values: &[f32], pixels: usize, c: usize) -> Vec<f32> {
    (0..c).flat_map(|channel| (0..pixels).map(move |pixel| values[pixel * c + channel])).collect()
}
