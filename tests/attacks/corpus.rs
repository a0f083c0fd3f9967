//! How each file of the corpus is made. `valid` ones are whole, `harmless` ones are odd but no errors.

use serde_json::json;

use crate::cifar_files::{cifar_archives, cifar_batches};
use crate::idx_files::idx;
use crate::keras_files::{keras, keras_hdf5, many_names};
use crate::model_files::{model_files, tuning_caches};
use crate::npz_files::{npy_header, npy_version_2, npz};
use crate::picture_files::pictures;
use crate::run_files;
use crate::safetensors_files::{header, safetensors, tensor};
use crate::state_dict_files::state_dicts;

/// Kind, name and contents.
type File = (&'static str, String, Vec<u8>);

/// The committed files.
pub fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut add = |kind, made: Vec<(&str, Vec<u8>)>| {
        files.extend(made.into_iter().map(|(name, bytes)| (kind, name.to_owned(), bytes)));
    };
    add("cifar_batch", cifar_batches());
    add("cifar_archive", cifar_archives());
    add("idx", idx());
    add("picture", pictures());
    add("safetensors", safetensors());
    add("state_dict", state_dicts());
    add("npz", npz());
    add("keras", keras());
    add("keras_hdf5", keras_hdf5());
    add("model_file", model_files().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    add("tuning_cache", tuning_caches().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    add("checkpoint", run_files::checkpoints());
    add("history", run_files::histories().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    files
}

/// Files as long as they may be, which are made where they are read.
pub fn long_files() -> Vec<File> {
    let ones = "1,".repeat(40 << 20);
    let mut files = Vec::new();
    let mut add = |kind, name: &str, bytes: Vec<u8>| files.push((kind, name.to_owned(), bytes));
    for mib in [1, 2, 32] {
        let many = &ones[..(mib << 20) - 200];
        let one = tensor("F32", &format!("[{many}1]"), "[0, 4]");
        add("safetensors", &format!("shape of {mib} MiB"), header(&one, 4));
        let tensors: Vec<_> =
            (0..mib << 14).map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[],"data_offsets":[0,0]}}"#)).collect();
        add("safetensors", &format!("{} tensors", tensors.len()), header(&format!("{{{}}}", tensors.join(",")), 4));
        add("checkpoint", &format!("{} tensors", tensors.len()), header(&format!("{{{}}}", tensors.join(",")), 36));
        let metadata = json!({ "__metadata__": { "wgrad": "[".repeat(mib << 20) } }).to_string();
        add("checkpoint", &format!("metadata of {mib} MiB too deep"), header(&metadata, 32));
        add("safetensors", &format!("metadata of {mib} MiB"), header(&metadata, 0));
    }
    add("npz", "shape of 80 MiB", npy_version_2(&npy_header("<f4", &format!("({ones})"))));
    let layer = r#"{"module":"","class_name":"","config":{"":0}},"#;
    for mib in [4, 32] {
        let layers = layer.repeat((mib << 20) / layer.len() - 2);
        let config =
            format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}]}}}}"#, &layers[..layers.len() - 1]);
        add("keras", &format!("layers of {mib} MiB"), config.into_bytes());
        add("keras", &format!("list of {mib} MiB"), format!("[{}0]", &ones[..(mib << 20) - 100]).into_bytes());
    }
    add("keras_hdf5", "names of 1 GiB", many_names());
    for mib in [1, 32] {
        let room = (mib << 20) - 100;
        for (name, part) in [
            ("layers", "[[layers]]\n"),
            ("flatten", "[[layers]]\ntype=\"flatten\"\n"),
            ("list", "a=[0,0,0,0,0,0,0,0,0,0,0]\n"),
        ] {
            add("model_file", &format!("{name} of {mib} MiB"), part.repeat(room / part.len()).into_bytes());
        }
        add("model_file", &format!("numbers of {mib} MiB"), format!("layers=[{}]", "0,".repeat(room / 2)).into_bytes());
    }
    for (kind, open) in [("keras", "["), ("keras", "{\"a\":"), ("model_file", "a="), ("tuning_cache", "[")] {
        let inner = if kind == "model_file" { "[" } else { "" };
        let nested =
            format!("{open}{inner}").repeat(if inner.is_empty() { 200_000 } else { 1 }) + &inner.repeat(900_000);
        add(kind, &format!("nested deeply in `{open}`"), nested.into_bytes());
    }
    let keys = "a.".repeat(500_000);
    add("model_file", "keys nested deeply", format!("{keys}a=1").into_bytes());
    for mib in [4, 32] {
        let keys: Vec<_> = (0..(mib << 20) / 14).map(|i| format!(r#""{i:07}":{{}}"#)).collect();
        add("tuning_cache", &format!("keys of {mib} MiB"), format!("{{{},\"gpu\":0}}", keys.join(",")).into_bytes());
    }
    files
}
