//! Layers that move, choose or join pixels.

use super::super::options::Options;
use super::channels_last;
use crate::model::Layer;
use crate::model::layers::{
    AveragePooling2d, Cropping2d, Flatten, GlobalAveragePooling2d, GlobalMaxPooling2d, MaxPooling2d, Reshape,
    UpSampling2d, ZeroPadding2d,
};

pub fn layer(class: &str, options: &mut Options, _: &mut i64) -> Result<Option<Layer>, String> {
    Ok(Some(match class {
        "MaxPooling2D" => {
            channels_last(options)?;
            let (pool_size, strides) = (options.take("pool_size")?, options.take_or("strides", None)?);
            MaxPooling2d { pool_size, strides, padding: options.take("padding")? }.into()
        }
        "AveragePooling2D" => {
            channels_last(options)?;
            let (pool_size, strides) = (options.take("pool_size")?, options.take_or("strides", None)?);
            AveragePooling2d { pool_size, strides, padding: options.take("padding")? }.into()
        }
        "GlobalAveragePooling2D" => {
            channels_last(options)?;
            GlobalAveragePooling2d { keepdims: options.take_or("keepdims", false)? }.into()
        }
        "GlobalMaxPooling2D" => {
            channels_last(options)?;
            GlobalMaxPooling2d { keepdims: options.take_or("keepdims", false)? }.into()
        }
        "ZeroPadding2D" => {
            channels_last(options)?;
            ZeroPadding2d { padding: options.take("padding")? }.into()
        }
        "Cropping2D" => {
            channels_last(options)?;
            Cropping2d { cropping: options.take("cropping")? }.into()
        }
        "UpSampling2D" => {
            channels_last(options)?;
            UpSampling2d { size: options.take("size")?, interpolation: options.take("interpolation")? }.into()
        }
        "Reshape" => Reshape { target_shape: options.take("target_shape")? }.into(),
        "Flatten" => {
            channels_last(options)?;
            Flatten {}.into()
        }
        _ => return Ok(None),
    }))
}
