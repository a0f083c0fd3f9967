//! How PyTorch calls and stores the variables of a network's layers.

use super::adaptive::before_pooling;
use crate::graph::VariableSpec;
use crate::model::{Layer, NamedTensor, Network, Value};

/// A variable of a network, and the tensor of a state dict that holds it.
#[derive(Debug)]
pub struct Wanted {
    /// Name of the tensor.
    pub tensor: String,
    /// Shape of the tensor.
    pub shape: Vec<usize>,
    /// Name of the variable.
    variable: String,
    /// Shape of the variable.
    to: Vec<usize>,
    form: Form,
}

/// How the elements of a tensor stand in the variable.
#[derive(Debug)]
enum Form {
    /// In the same order.
    Same,
    /// With other axes: each axis of the variable is one of `view`, which is the tensor's shape without axes of one element.
    Turned { view: [usize; 4], axes: [usize; 4] },
    /// A dense layer's of rows `[h * w * c]` where PyTorch has rows `[c * h * w]`, of maps that were pooled to `grid`.
    Flattened { grid: [usize; 2], map: [usize; 3] },
}

impl Wanted {
    /// Whether a tensor of a shape holds the variable. Kernels of one pixel may stand as matrices or have axes of one
    /// element.
    pub fn fits(&self, shape: &[usize]) -> bool {
        let significant = |shape: &[usize]| {
            let len = shape.iter().rposition(|size| *size != 1).map_or(0, |place| place + 1);
            shape[..len].to_vec()
        };
        if significant(shape) == significant(&self.shape) {
            return true;
        }
        match self.form {
            Form::Flattened { grid: [h, w], map: [_, _, c] } => shape == [self.shape[0], c, h, w],
            _ => false,
        }
    }

    /// The variable, of a tensor that fits.
    pub fn variable(&self, values: Vec<f32>) -> NamedTensor {
        let values = match self.form {
            Form::Same => values,
            Form::Turned { view, axes } => turn(&values, view, axes),
            Form::Flattened { grid, map: [h, w, c] } => {
                let values = if grid == [h, w] { values } else { before_pooling(&values, grid, [h, w]) };
                turn(&values, [self.shape[0], c, h, w], [2, 3, 1, 0])
            }
        };
        NamedTensor { name: self.variable.clone(), shape: self.to.clone(), values }
    }
}

/// The elements of a tensor `view` in the order of other axes: axis `i` of the result is axis `axes[i]` of the tensor.
fn turn(values: &[f32], view: [usize; 4], axes: [usize; 4]) -> Vec<f32> {
    let strides = [view[1] * view[2] * view[3], view[2] * view[3], view[3], 1];
    let [sizes, strides] = [axes.map(|axis| view[axis]), axes.map(|axis| strides[axis])];
    let mut turned = Vec::with_capacity(values.len());
    for a in 0..sizes[0] {
        for b in 0..sizes[1] {
            for c in 0..sizes[2] {
                let start = a * strides[0] + b * strides[1] + c * strides[2];
                turned.extend((0..sizes[3]).map(|d| values[start + d * strides[3]]));
            }
        }
    }
    turned
}

/// The tensors that a state dict must have for `network`. The first dense layer behind `flatten` takes maps that were pooled
/// to `grid` if there is one.
///
/// # Errors
/// A layer that PyTorch has no module for, in words.
pub fn wanted(network: &Network, grid: Option<usize>) -> Result<Vec<Wanted>, String> {
    let inferred = network.infer().map_err(|error| error.to_string())?;
    // Of each layer, the map `[h, w, c]` whose elements its output still has as a row.
    let mut maps: Vec<Option<[usize; 3]>> = Vec::new();
    let mut all = Vec::new();
    for (node, output) in network.nodes().iter().zip(&inferred) {
        let input = match node.inputs.first() {
            Some(Value::Layer(place)) => (inferred[*place].shape.clone(), maps[*place]),
            _ => (network.input().into(), None),
        };
        let (shape, map) = input;
        // A layer that shares the weights of another has none of its own.
        let variables = output.variables.iter().flatten().filter(|_| node.weights.is_none());
        let variables: Vec<&VariableSpec> = variables.collect();
        if map.is_some() && !variables.is_empty() && !matches!(node.layer, Layer::Dense(_)) {
            return Err(format!(
                "layer `{}` has weights for each element behind `flatten`; wgrad turns those of dense layers only",
                node.name
            ));
        }
        for variable in variables {
            all.push(one(&node.name, &node.layer, variable, map, grid)?);
        }
        maps.push(match (&node.layer, <[usize; 3]>::try_from(shape.dims())) {
            (Layer::Flatten(_), Ok(map @ [h, w, _])) if h * w > 1 || grid.is_some() => Some(map),
            (Layer::Dense(_), _) => None,
            _ if output.shape == shape => map,
            _ => None,
        });
    }
    Ok(all)
}

/// The tensor of a variable of a layer called `layer`, which reads the elements of `map`.
fn one(
    layer: &str,
    kind: &Layer,
    variable: &VariableSpec,
    map: Option<[usize; 3]>,
    grid: Option<usize>,
) -> Result<Wanted, String> {
    let name = variable.name.rsplit_once('/').map_or(&*variable.name, |(_, name)| name);
    let suffix = match name {
        "kernel" | "gamma" => "weight",
        "bias" | "beta" => "bias",
        "moving_mean" => "running_mean",
        "moving_variance" => "running_var",
        _ => "",
    };
    let (shape, form) = match (kind, name, &*variable.shape) {
        (Layer::Conv2d(_), "kernel", &[h, w, i, o]) => turned([o, i, h, w], [2, 3, 1, 0]),
        (Layer::DepthwiseConv2d(_), "kernel", &[h, w, c, m]) => {
            let (_, form) = turned([c, m, h, w], [2, 3, 0, 1]);
            (vec![c * m, 1, h, w], form)
        }
        (Layer::Dense(_), "kernel", &[i, o]) => match map {
            Some([h, w, c]) => {
                let grid = grid.map_or([h, w], |grid| [grid; 2]);
                (vec![o, c * grid[0] * grid[1]], Form::Flattened { grid, map: [h, w, c] })
            }
            None => {
                let (_, form) = turned([o, i, 1, 1], [2, 3, 1, 0]);
                (vec![o, i], form)
            }
        },
        // A parameter of the block itself.
        (Layer::LayerScale(_), "gamma", &[channels]) => (vec![channels, 1, 1], Form::Same),
        (
            Layer::BatchNormalization(_) | Layer::LayerNormalization(_) | Layer::GroupNormalization(_),
            "gamma" | "beta" | "moving_mean" | "moving_variance",
            shape,
        )
        | (Layer::Conv2d(_) | Layer::DepthwiseConv2d(_) | Layer::Dense(_), "bias", shape) => {
            (shape.to_vec(), Form::Same)
        }
        _ => {
            let [kind, _] = kind.keras_names();
            return Err(format!("layer `{layer}` is of the kind {kind}, which PyTorch has no module for"));
        }
    };
    let tensor = match kind {
        Layer::LayerScale(_) => layer.to_owned(),
        _ => format!("{layer}.{suffix}"),
    };
    Ok(Wanted { tensor, shape, variable: variable.name.clone(), to: variable.shape.clone(), form })
}

/// A shape and its form.
fn turned(view: [usize; 4], axes: [usize; 4]) -> (Vec<usize>, Form) {
    (view.to_vec(), Form::Turned { view, axes })
}
