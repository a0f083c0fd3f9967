//! Weights as safetensors, made to harm whoever reads them.

use serde_json::json;
use wgrad::exchange::Weights;
use wgrad::model::{NamedTensor, Sequential};

use crate::model_files::dense;

/// A safetensors file of a header and zeros.
pub fn header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes().chain(std::iter::repeat_n(0, data)));
    bytes
}

pub fn tensor(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

pub fn weights() -> Weights {
    let values = (0..30).map(|i| i as f32).collect();
    let tensors = vec![
        NamedTensor { name: "dense/kernel".into(), shape: vec![5, 6], values },
        NamedTensor { name: "dense/bias".into(), shape: vec![6], values: vec![0.5; 6] },
    ];
    Weights {
        tensors,
        model: Some(Sequential::new([5, 1, 1]).flatten().dense(6).into()),
        class_names: vec!["a".into()],
    }
}

pub fn safetensors() -> Vec<(&'static str, Vec<u8>)> {
    let whole = weights().to_bytes().unwrap();
    let start = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let length = |len: u64| [&len.to_le_bytes()[..], &[b'{'; 64]].concat();
    let two = |a: &str, b: &str| {
        let tensor = |offsets| format!(r#"{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#);
        header(&format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b)), 16)
    };
    let same = |name: &str| {
        let tensor = |offsets| format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#);
        header(&format!("{{{},{}}}", tensor("[0,8]"), tensor("[8,16]")), 16)
    };
    let one = |dtype, shape: &str, offsets: &str, data| header(&tensor(dtype, shape, offsets), data);
    let network = |model: &str| {
        let metadata = json!({ "model": model, "class_names": [] }).to_string();
        header(&json!({ "__metadata__": { "wgrad": metadata } }).to_string(), 0)
    };
    // Shorter than with a table for each layer.
    let in_a_line = |layer: &str, count| format!("input=[4,4,1]\nlayers=[{}]", layer.repeat(count));
    let escape = r#"{"../../escape":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#;
    vec![
        ("valid.safetensors", whole.clone()),
        ("empty.safetensors", Vec::new()),
        ("header_of_16_exabytes.safetensors", length(u64::MAX)),
        ("header_of_90_megabytes.safetensors", length(90_000_000)),
        ("header_one_byte_too_long.safetensors", length(65)),
        ("header_of_no_length.safetensors", length(0)),
        ("header_nested_deeply.safetensors", header(&"[".repeat(9_000), 0)),
        ("tensor_nested_deeply.safetensors", header(&format!(r#"{{"x":{}"#, "[".repeat(9_000)), 0)),
        ("objects_nested_deeply.safetensors", header(&"{\"a\":".repeat(2_000), 0)),
        ("shape_of_5000_sizes.safetensors", one("F32", &format!("[{}1]", "1,".repeat(5_000)), "[0,8]", 8)),
        ("harmless_shape_of_5000_sizes.safetensors", one("F32", &format!("[{}1]", "1,".repeat(5_000)), "[0,4]", 4)),
        ("shape_that_overflows.safetensors", one("F32", "[9223372036854775808,2]", "[0,0]", 0)),
        ("shape_times_type_that_overflows.safetensors", one("F32", "[4611686018427387904]", "[0,0]", 0)),
        ("harmless_shape_of_nothing_times_much.safetensors", one("F32", "[0,18446744073709551615]", "[0,0]", 0)),
        ("shape_longer_than_the_data.safetensors", one("F32", "[17]", "[0,64]", 64)),
        ("offsets_past_the_end.safetensors", one("F32", "[16]", "[0,18446744073709551615]", 64)),
        ("offsets_in_reverse.safetensors", one("F32", "[16]", "[64,0]", 64)),
        ("offsets_that_are_negative.safetensors", one("F32", "[16]", "[-64,0]", 64)),
        ("tensors_that_overlap.safetensors", two("[0,8]", "[4,12]")),
        ("tensors_that_are_the_same_bytes.safetensors", two("[0,8]", "[0,8]")),
        ("tensors_with_a_hole.safetensors", two("[0,8]", "[12,20]")),
        ("tensors_of_one_name.safetensors", same("x")),
        ("metadata_twice.safetensors", header(r#"{"__metadata__":{},"__metadata__":{}}"#, 0)),
        ("metadata_of_another_kind.safetensors", header(r#"{"__metadata__":{"wgrad":"[[[["}}"#, 0)),
        ("type_of_8_bytes.safetensors", one("F64", "[8]", "[0,64]", 64)),
        ("type_of_4_bits.safetensors", one("F4", "[3]", "[0,2]", 2)),
        ("type_that_is_unknown.safetensors", one("PICKLE", "[8]", "[0,64]", 64)),
        ("harmless_path_as_a_name.safetensors", header(escape, 4)),
        ("network_of_petabytes.safetensors", network(&dense("1099511627776"))),
        ("network_of_2001_layers.safetensors", network(&in_a_line("{type=\"flatten\"},", 2001))),
        ("network_nested_deeply.safetensors", network(&format!("a={}", "[".repeat(5_000)))),
        (
            "network_that_commands_the_terminal.safetensors",
            network("input=[1,1,1]\n[[layers]]\nname=\"\\u001b[2J\"\ntype=\"flatten\""),
        ),
        ("cut_in_the_length.safetensors", whole[..5].to_vec()),
        ("cut_in_the_header.safetensors", whole[..start / 2].to_vec()),
        ("cut_after_the_header.safetensors", whole[..start].to_vec()),
        ("cut_in_the_data.safetensors", whole[..whole.len() - 3].to_vec()),
        ("data_after_the_end.safetensors", [&whole[..], &[0; 8]].concat()),
    ]
}
