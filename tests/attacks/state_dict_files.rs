//! State dicts of PyTorch, made to harm whoever imports them.

use serde_json::{Map, Value, json};

use crate::safetensors_files::header;

/// The tensors of the network in readers.rs.
const TENSORS: [(&str, &[usize]); 6] = [
    ("conv.weight", &[2, 3, 1, 1]),
    ("norm.weight", &[2]),
    ("norm.bias", &[2]),
    ("norm.running_mean", &[2]),
    ("norm.running_var", &[2]),
    ("fc.weight", &[4, 8]),
];

/// A file of tensors of zeros.
fn file(tensors: &[(&str, &str, &[usize])]) -> Vec<u8> {
    let mut entries = Map::new();
    let mut end = 0;
    for (name, dtype, shape) in tensors {
        let bytes = if *dtype == "I64" { 8 } else { 4 };
        let start = end;
        end += bytes * shape.iter().product::<usize>();
        entries.insert((*name).into(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
    }
    header(&Value::Object(entries).to_string(), end)
}

/// The whole file, with one more tensor, or one of another shape.
fn with(name: &str, dtype: &str, shape: &[usize]) -> Vec<u8> {
    let mut tensors: Vec<_> = TENSORS.iter().map(|(name, shape)| (*name, "F32", *shape)).collect();
    tensors.retain(|(other, ..)| *other != name);
    tensors.push((name, dtype, shape));
    file(&tensors)
}

pub fn state_dicts() -> Vec<(&'static str, Vec<u8>)> {
    let whole = with("norm.num_batches_tracked", "I64", &[]);
    let nothing: Vec<(&str, &str, &[usize])> = TENSORS.iter().map(|(name, _)| (*name, "F32", &[0][..])).collect();
    let stem =
        ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "fc.weight", "fc.bias"];
    let stem: Vec<(&str, &str, &[usize])> = stem.iter().map(|name| (*name, "F32", &[0, usize::MAX][..])).collect();
    vec![
        ("valid.safetensors", whole.clone()),
        ("harmless_matrix_for_a_kernel.safetensors", with("conv.weight", "F32", &[2, 3])),
        ("tensor_that_is_missing.safetensors", file(&[("conv.weight", "F32", &[2, 3, 1, 1])])),
        ("tensor_too_many.safetensors", with("more.weight", "F32", &[1])),
        ("tensor_that_is_turned.safetensors", with("fc.weight", "F32", &[8, 4])),
        ("tensor_of_other_axes.safetensors", with("fc.weight", "F32", &[4, 2, 1, 1, 4])),
        ("tensor_without_axes.safetensors", with("norm.bias", "F32", &[])),
        ("tensor_of_integers.safetensors", with("norm.bias", "I64", &[2])),
        ("tensors_of_nothing.safetensors", file(&nothing)),
        ("tensors_of_nothing_times_much.safetensors", file(&stem)),
        ("name_of_dots.safetensors", with("...weight", "F32", &[1])),
        ("name_that_commands_the_terminal.safetensors", with("\u{1b}[2J\n.weight", "F32", &[1])),
        ("counter_of_a_number.safetensors", with("norm.num_batches_tracked", "F32", &[])),
        ("cut_in_the_data.safetensors", whole[..whole.len() - 3].to_vec()),
    ]
}
