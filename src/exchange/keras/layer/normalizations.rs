//! Normalizations and scales.

use super::super::options::Options;
use crate::model::Layer;
use crate::model::layers::{
    BatchNormalization, GroupNormalization, LayerNormalization, Normalization, PerChannel, Rescaling,
};

pub fn layer(class: &str, options: &mut Options, channels: &mut i64) -> Result<Option<Layer>, String> {
    Ok(Some(match class {
        "BatchNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            options.only("renorm", false)?;
            for option in ["renorm_momentum", "synchronized"] {
                options.remove(option);
            }
            BatchNormalization {
                momentum: options.take("momentum")?,
                epsilon: options.take("epsilon")?,
                center: options.take("center")?,
                scale: options.take("scale")?,
                unbiased_variance: false,
            }
            .into()
        }
        "LayerNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            options.only("rms_scaling", false)?;
            let [center, scale] = [options.take("center")?, options.take("scale")?];
            LayerNormalization { epsilon: options.take("epsilon")?, center, scale }.into()
        }
        "GroupNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            let [center, scale] = [options.take("center")?, options.take("scale")?];
            GroupNormalization { groups: options.take("groups")?, epsilon: options.take("epsilon")?, center, scale }
                .into()
        }
        "Rescaling" => Rescaling { scale: options.take("scale")?, offset: options.take("offset")? }.into(),
        "Normalization" => normalization(options, channels)?.into(),
        _ => return Ok(None),
    }))
}

/// Mean and variance, which stand for themselves until those of the weights replace them if the layer was adapted.
fn normalization(options: &mut Options, channels: &mut i64) -> Result<Normalization, String> {
    // Without an axis, there is one mean of everything.
    *channels = if options.is_none("axis") { -1 } else { options.axis()? };
    options.remove("axis");
    options.only("invert", false)?;
    if options.is_none("mean") && options.is_none("variance") {
        return Ok(Normalization { mean: PerChannel::One(0.0), variance: PerChannel::One(1.0) });
    }
    Ok(Normalization { mean: options.take("mean")?, variance: options.take("variance")? })
}
