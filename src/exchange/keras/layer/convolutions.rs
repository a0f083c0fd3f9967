//! Layers with kernels.

use serde::Deserialize;

use super::super::options::{Options, parse, start};
use super::channels_last;
use crate::graph::Regularizer;
use crate::model::layers::{Conv2d, Conv2dTranspose, Dense, DepthwiseConv2d, SeparableConv2d};
use crate::model::{Activation, Layer};
use crate::ops::Padding;

pub fn layer(class: &str, options: &mut Options, _: &mut i64) -> Result<Option<Layer>, String> {
    Ok(Some(match class {
        "Conv2D" => {
            let Convolution { kernel_size, strides, padding, dilation_rate, use_bias, activation } =
                Convolution::take(options)?;
            let (filters, groups) = (options.take("filters")?, options.take_or("groups", 1)?);
            let kernel_regularizer = regularizer(options, "kernel_regularizer")?;
            Conv2d {
                filters,
                kernel_size,
                strides,
                padding,
                dilation_rate,
                groups,
                use_bias,
                activation,
                kernel_regularizer,
            }
            .into()
        }
        "DepthwiseConv2D" => {
            options.only("groups", 1)?;
            let Convolution { kernel_size, strides, padding, dilation_rate, use_bias, activation } =
                Convolution::take(options)?;
            let depth_multiplier = options.take_or("depth_multiplier", 1)?;
            let depthwise_regularizer = regularizer(options, "depthwise_regularizer")?;
            DepthwiseConv2d {
                kernel_size,
                strides,
                padding,
                dilation_rate,
                depth_multiplier,
                use_bias,
                activation,
                depthwise_regularizer,
            }
            .into()
        }
        "SeparableConv2D" => {
            options.only("groups", 1)?;
            let Convolution { kernel_size, strides, padding, dilation_rate, use_bias, activation } =
                Convolution::take(options)?;
            SeparableConv2d {
                filters: options.take("filters")?,
                kernel_size,
                strides,
                padding,
                dilation_rate,
                depth_multiplier: options.take_or("depth_multiplier", 1)?,
                use_bias,
                activation,
                depthwise_regularizer: regularizer(options, "depthwise_regularizer")?,
                pointwise_regularizer: regularizer(options, "pointwise_regularizer")?,
            }
            .into()
        }
        "Conv2DTranspose" => {
            options.only("groups", 1)?;
            options.only("dilation_rate", [1, 1])?;
            let Convolution { kernel_size, strides, padding, use_bias, activation, .. } = Convolution::take(options)?;
            Conv2dTranspose {
                filters: options.take("filters")?,
                kernel_size,
                strides,
                padding,
                output_padding: options.take_or("output_padding", None)?,
                use_bias,
                activation,
                kernel_regularizer: regularizer(options, "kernel_regularizer")?,
            }
            .into()
        }
        "Dense" => {
            options.forget_initializers();
            Dense {
                units: options.take("units")?,
                use_bias: options.take_or("use_bias", true)?,
                activation: options.take_or("activation", Activation::Linear)?,
                kernel_regularizer: regularizer(options, "kernel_regularizer")?,
            }
            .into()
        }
        _ => return Ok(None),
    }))
}

/// Options that all convolutions have.
struct Convolution {
    kernel_size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    dilation_rate: [usize; 2],
    use_bias: bool,
    activation: Activation,
}

impl Convolution {
    fn take(options: &mut Options) -> Result<Self, String> {
        options.forget_initializers();
        channels_last(options)?;
        Ok(Self {
            kernel_size: options.take("kernel_size")?,
            strides: options.take("strides")?,
            padding: options.take("padding")?,
            dilation_rate: options.take_or("dilation_rate", [1, 1])?,
            use_bias: options.take_or("use_bias", true)?,
            activation: options.take_or("activation", Activation::Linear)?,
        })
    }
}

/// A penalty of a kernel.
fn regularizer(options: &mut Options, option: &str) -> Result<Regularizer, String> {
    #[derive(Deserialize)]
    struct Named {
        class_name: String,
        config: Regularizer,
    }
    let Some(value) = options.remove(option).filter(|value| value.get() != "null") else {
        return Ok(Regularizer::default());
    };
    match parse(value) {
        Some(Named { class_name, config }) if ["L1", "L2", "L1L2"].contains(&class_name.as_str()) => Ok(config),
        _ => Err(format!("`{option}` is {}, but wgrad has L1, L2 and L1L2", start(value))),
    }
}
