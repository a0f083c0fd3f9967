//! Files of a run that were made to harm the user who resumes it.

use serde_json::json;
use wgrad::exec::TrainingState;
use wgrad::model::NamedTensor;
use wgrad::train::{Checkpoint, History, HistoryRow, Position, RunRecord, Validation};

use crate::safetensors_files::header;

/// Bytes of the checksum, which is set where a file is read.
const CHECKSUM_LEN: usize = 32;

fn row(epoch: usize) -> HistoryRow {
    HistoryRow { epoch, loss: 1.5, accuracy: 0.25, val_loss: 1.0 / 3.0, seconds: 2.0, ..HistoryRow::default() }
}

fn whole() -> Checkpoint {
    let tensors = || vec![NamedTensor { name: "dense/bias".into(), shape: vec![2], values: vec![0.5, -0.5] }];
    Checkpoint {
        run: RunRecord::default(),
        position: Position::after(vec![row(1), row(2)]),
        state: TrainingState { updates: 8, parameters: tensors(), optimizer: tensors() },
        kept: tensors(),
    }
}

/// A valid checkpoint's metadata with one text replaced by another, and its checksum alone.
fn metadata(from: &str, to: &str) -> Vec<u8> {
    let bytes = whole().to_bytes().unwrap();
    let len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let whole: serde_json::Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let text = whole["__metadata__"]["wgrad"].as_str().unwrap();
    assert!(text.contains(from), "{from}: {text}");
    with(&text.replacen(from, to, 1), "")
}

/// Metadata, and tensors besides the checksum.
fn with(metadata: &str, tensors: &str) -> Vec<u8> {
    let metadata = json!({ "wgrad": metadata });
    let checksum = format!(r#""sha256":{{"dtype":"U8","shape":[{CHECKSUM_LEN}],"data_offsets":[0,{CHECKSUM_LEN}]}}"#);
    header(&format!(r#"{{"__metadata__":{metadata},{tensors}{checksum}}}"#), CHECKSUM_LEN)
}

pub fn checkpoints() -> Vec<(&'static str, Vec<u8>)> {
    let whole = whole().to_bytes().unwrap();
    let start = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let length = |len: u64| [&len.to_le_bytes()[..], &[b'{'; 64]].concat();
    let text = json!({
        "version": 3, "updates": 0, "position": whole_position(), "run": RunRecord::default()
    })
    .to_string();
    let tensor = |name: &str, dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}},"#)[1..].to_owned()
    };
    vec![
        ("valid.safetensors", whole.clone()),
        ("empty.safetensors", Vec::new()),
        ("checksum_of_nothing.safetensors", vec![0; CHECKSUM_LEN]),
        ("header_of_16_exabytes.safetensors", length(u64::MAX)),
        ("header_of_90_megabytes.safetensors", length(90_000_000)),
        ("header_one_byte_too_long.safetensors", length(65)),
        ("header_nested_deeply.safetensors", header(&"[".repeat(9_000), CHECKSUM_LEN)),
        ("cut_in_the_header.safetensors", whole[..start - 1].to_vec()),
        ("cut_after_the_header.safetensors", whole[..start].to_vec()),
        ("cut_before_the_checksum.safetensors", whole[..whole.len() - CHECKSUM_LEN].to_vec()),
        ("no_metadata.safetensors", header("{}", 0)),
        ("metadata_of_another_program.safetensors", header(r#"{"__metadata__":{"format":"pt"}}"#, 0)),
        ("metadata_nested_deeply.safetensors", with(&"[".repeat(9_000), "")),
        (
            "settings_nested_deeply.safetensors",
            metadata(r#""freeze":[]"#, &format!(r#""freeze":{}"#, "[".repeat(9_000))),
        ),
        ("settings_of_anything.safetensors", metadata(r#""spec":{"#, r#""spec":["../..",1e300],"other":{"#)),
        ("a_place_to_write_to.safetensors", metadata(r#""execution":{"#, r#""execution":{"out":"../..","#)),
        ("another_place_to_write_to.safetensors", metadata(r#""spec":{"#, r#""spec":{"resume":"../..","#)),
        ("epochs_that_are_negative.safetensors", metadata(r#""epochs":10"#, r#""epochs":-1"#)),
        ("rate_that_overflows.safetensors", metadata(r#""learning_rate":null"#, r#""learning_rate":1e999"#)),
        ("schedule_of_nothing.safetensors", metadata(r#""lr_schedule":"constant""#, r#""lr_schedule":"step:0.5@0""#)),
        ("version_1.safetensors", metadata(r#""version":3"#, r#""version":1"#)),
        ("harmless_version_2.safetensors", metadata(r#""version":3"#, r#""version":2"#)),
        ("version_4.safetensors", metadata(r#""version":3"#, r#""version":4"#)),
        ("version_twice.safetensors", metadata(r#""version":3"#, r#""version":3,"version":3"#)),
        ("updates_that_overflow.safetensors", metadata(r#""updates":8"#, r#""updates":18446744073709551616"#)),
        ("updates_that_are_negative.safetensors", metadata(r#""updates":8"#, r#""updates":-1"#)),
        ("epoch_0.safetensors", metadata(r#""epoch":3"#, r#""epoch":0"#)),
        ("epoch_of_exabytes.safetensors", metadata(r#""epoch":3"#, r#""epoch":18446744073709551615"#)),
        ("step_that_is_not_measured.safetensors", metadata(r#""step":0"#, r#""step":5"#)),
        ("time_that_is_negative.safetensors", metadata(r#""seconds":0.0,"history""#, r#""seconds":-1,"history""#)),
        ("time_of_all_ages.safetensors", metadata(r#""seconds":0.0,"history""#, r#""seconds":1e300,"history""#)),
        ("time_that_overflows.safetensors", metadata(r#""seconds":0.0,"history""#, r#""seconds":1e999,"history""#)),
        ("row_out_of_turn.safetensors", metadata(r#"{"epoch":2"#, r#"{"epoch":1"#)),
        ("row_of_no_numbers.safetensors", metadata(r#"{"epoch":2,"loss":1.5"#, r#"{"epoch":2,"loss":null"#)),
        ("row_that_overflows.safetensors", metadata(r#"{"epoch":2,"loss":1.5"#, r#"{"epoch":2,"loss":1e999"#)),
        ("tensor_of_no_group.safetensors", with(&text, &tensor("other/x", "F32", "[0]", "[0,0]"))),
        ("tensor_outside.safetensors", with(&text, &tensor("parameter/x", "F32", "[1]", "[4294967296,4294967300]"))),
        ("tensor_in_the_checksum.safetensors", with(&text, &tensor("parameter/x", "F32", "[1]", "[0,4]"))),
        (
            "tensor_that_overflows.safetensors",
            with(&text, &tensor("kept/x", "F32", "[4294967296,4294967296]", "[0,0]")),
        ),
        ("tensor_of_integers.safetensors", with(&text, &tensor("kept/x", "I32", "[0]", "[0,0]"))),
        ("harmless_tensor_twice.safetensors", with(&text, &tensor("kept/x", "F32", "[0]", "[0,0]").repeat(2))),
        ("harmless_path.safetensors", with(&text, &tensor("kept/../../escape", "F32", "[0]", "[0,0]"))),
        ("harmless_no_tensors.safetensors", with(&text, "")),
    ]
}

fn whole_position() -> serde_json::Value {
    serde_json::to_value(whole().position).unwrap()
}

pub fn histories() -> Vec<(&'static str, String)> {
    let history = History { epochs: vec![row(1), row(2)], ..History::new("shapes", Validation::TestImages) };
    let valid = history.to_json().unwrap();
    let change = |from: &str, to: &str| {
        assert!(valid.contains(from), "{from}: {valid}");
        valid.replacen(from, to, 1)
    };
    vec![
        ("valid.json", valid.clone()),
        ("empty.json", String::new()),
        ("list.json", "[]".into()),
        ("nested_deeply.json", "[".repeat(9_000)),
        ("epochs_nested_deeply.json", format!(r#"{{"dataset":"x","epochs":{}"#, "[".repeat(9_000))),
        ("row_out_of_turn.json", change(r#""epoch": 2"#, r#""epoch": 1"#)),
        ("row_of_exabytes.json", change(r#""epoch": 2"#, r#""epoch": 18446744073709551615"#)),
        ("loss_that_overflows.json", change(r#""loss": 1.5"#, r#""loss": 1e999"#)),
        ("loss_that_is_no_number.json", change(r#""loss": 1.5"#, r#""loss": NaN"#)),
        ("harmless_loss_without_bounds.json", change(r#""loss": 1.5"#, r#""loss": -1.7976931348623157e308"#)),
        ("harmless_name.json", change("shapes", "../../escape\\u001b[2J")),
        ("field_twice.json", change(r#""epoch": 2"#, r#""epoch": 2, "epoch": 2"#)),
    ]
}
