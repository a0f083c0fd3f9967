//! Keras's archives and HDF5 files, made to harm whoever reads them.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::npz_files::compressed;
use crate::readers::{keras_archive, keras_member, zip};

pub fn keras() -> Vec<(&'static str, Vec<u8>)> {
    let [config, weights] = ["config.json", "model.weights.h5"].map(keras_member);
    let text = String::from_utf8(config.clone()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let sizes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let place = |part: &[u8]| weights.windows(part.len()).position(|window| window == part).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = weights.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let shape = place(&sizes(&[18, 4]));
    let data = place(&sizes(&[18 * 4 * 4]));
    let tree = place(b"TREE");
    let mut fill = patched(shape, &sizes(&[1 << 30, 1]));
    fill[data - 8..data + 8].copy_from_slice(&sizes(&[u64::MAX, 4 << 30]));
    let layers = |layer: &str, count: usize| {
        format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}0]}}}}"#, format!("{layer},").repeat(count))
            .into_bytes()
    };
    vec![
        ("valid.keras", keras_archive(None, None)),
        ("valid.json", config.clone()),
        ("valid.h5", weights.clone()),
        ("empty.keras", Vec::new()),
        ("archive_of_no_members.keras", zip(&[])),
        ("archive_without_weights.keras", zip(&[("config.json", &config)])),
        ("archive_of_path_traversal.keras", zip(&[("../config.json", &config), ("../model.weights.h5", &weights)])),
        ("archive_of_two_configs.keras", zip(&[("config.json", &config), ("config.json", &config)])),
        ("config_bomb.keras", compressed("config.json", &vec![b' '; 32 << 20])),
        ("weights_of_nothing.keras", keras_archive(None, Some(b""))),
        ("class_with_code.json", with(r#""class_name": "Dropout""#, r#""class_name": "Lambda""#)),
        ("class_of_another_module.json", with(r#""module": "keras.layers""#, r#""module": "os""#)),
        (
            "class_that_is_registered.json",
            text.replace(r#""registered_name": null"#, r#""registered_name": "evil>Layer""#).into_bytes(),
        ),
        ("activation_with_code.json", with(r#""activation": "tanh""#, r#""activation": {"class_name": "__lambda__"}"#)),
        ("filters_of_exabytes.json", with(r#""filters": 2"#, r#""filters": 9223372036854775807"#)),
        ("images_of_exabytes.json", with("[null, 9, 8, 3]", "[null, 4611686018427387904, 8, 3]")),
        ("name_that_is_a_path.json", with(r#""name": "second""#, r#""name": "../second""#)),
        ("name_of_another_layer.json", with(r#""name": "second""#, r#""name": "conv2d""#)),
        ("config_nested_deeply.json", "[".repeat(9_000).into_bytes()),
        ("objects_nested_deeply.json", "{\"a\":".repeat(2_000).into_bytes()),
        ("layers_nested_deeply.json", layers(&"[".repeat(5_000), 1)),
        ("models_nested_deeply.json", r#"{"class_name":"Sequential","config":{"layers":["#.repeat(500).into_bytes()),
        ("models_nested_as_deeply_as_they_end.json", {
            let start = r#"{"class_name":"Sequential","config":{"name":"x","layers":["#;
            format!("{}{}", start.repeat(500), "]}}".repeat(500)).into_bytes()
        }),
        ("layers_that_wait_for_one_another.json", {
            let layer = |name: usize, of: usize| {
                format!(
                    r#"{{"class_name":"ReLU","config":{{"name":"{name}"}},"name":"{name}","inbound_nodes":[[["{of}",0,0,{{}}]]]}}"#
                )
            };
            let layers: Vec<String> = (0..300).map(|name| layer(name, (name + 1) % 300)).collect();
            let input = r#"{"class_name":"InputLayer","config":{"name":"in","batch_shape":[null,4,4,3]},"name":"in"}"#;
            format!(
                r#"{{"class_name":"Functional","config":{{"layers":[{input},{}],"input_layers":["in",0,0],"output_layers":["0",0,0]}}}}"#,
                layers.join(",")
            )
            .into_bytes()
        }),
        ("layers_of_numbers.json", layers("0", 5_000)),
        ("layers_of_nothing.json", layers(r#"{"module":"","class_name":"","config":{"":0}}"#, 300)),
        ("shape_that_overflows.h5", patched(shape, &sizes(&[u64::MAX, u64::MAX]))),
        ("shape_of_terabytes_without_data.h5", fill),
        ("data_past_the_end.h5", patched(data - 8, &sizes(&[1 << 40]))),
        ("tree_that_is_its_own_child.h5", {
            let mut bytes = patched(tree + 5, &[1]);
            bytes[tree + 32..tree + 40].copy_from_slice(&sizes(&[tree as u64]));
            bytes
        }),
        ("heap_past_the_end.h5", patched(place(b"HEAP") + 24, &[0xfe; 8])),
        ("cut_in_the_header.h5", weights[..40].to_vec()),
        ("cut_in_the_middle.h5", weights[..weights.len() / 2].to_vec()),
    ]
}

/// A file that Keras 2 wrote.
fn keras_2(name: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(GzDecoder::new(&include_bytes!("../fixtures/keras2.tar.gz")[..]));
    let mut entry = archive.entries().unwrap().map(Result::unwrap).find(|entry| entry.path().unwrap().ends_with(name));
    let mut bytes = Vec::new();
    entry.as_mut().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// `bytes` with the first `from`, wherever it is, as `to`, of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[place..place + to.len()].copy_from_slice(to);
    bytes
}

pub fn keras_hdf5() -> Vec<(&'static str, Vec<u8>)> {
    let [whole, named, numbered] = ["2.15.h5", "2.15_weights.h5", "2.15.weights.h5"].map(keras_2);
    let heap = whole.windows(4).position(|window| window == b"GCOL").unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = whole.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let mut own_child = whole.clone();
    for place in 0..whole.len() - 4 {
        if &whole[place..place + 4] == b"SNOD" {
            // Every group's first member is the root.
            own_child[place + 16..place + 24].copy_from_slice(&[96, 0, 0, 0, 0, 0, 0, 0]);
        }
    }
    vec![
        ("valid.h5", whole.clone()),
        ("valid_named_weights.h5", named.clone()),
        ("valid_numbered_weights.h5", numbered.clone()),
        ("empty.h5", Vec::new()),
        ("signature_alone.h5", whole[..8].to_vec()),
        ("class_with_code.h5", replaced(&whole, br#""class_name": "Dropout""#, br#""class_name": "Lambda" "#)),
        ("config_of_no_json.h5", replaced(&whole, br#"{"class_name""#, br#"[[[[[[[[[[[[["#)),
        ("config_without_end.h5", replaced(&whole, b"model_config", b"model_konfig")),
        ("layer_of_a_path.h5", replaced(&named, b"hidden", b"../hid")),
        ("layer_that_is_missing.h5", replaced(&named, b"hidden", b"hodden")),
        ("layer_whose_name_commands_the_terminal.h5", replaced(&named, b"hidden", b"\x1b[2J\n\n")),
        ("weights_of_a_path.h5", replaced(&named, b"hidden/kernel", b"../../kernel/")),
        ("weights_of_another_model.h5", replaced(&whole, br#""units": 4"#, br#""units": 5"#)),
        ("number_that_is_none.h5", replaced(&numbered, b"conv2d_1\0", b"conv2d_x\0")),
        ("harmless_number_that_jumps.h5", replaced(&numbered, b"dense_1\0", b"dense_9\0")),
        ("heap_of_exabytes.h5", patched(heap + 8, &[0xff; 8])),
        ("heap_that_is_empty.h5", patched(heap + 16, &[0; 16])),
        ("groups_that_are_their_own_children.h5", own_child),
        ("cut_in_the_heap.h5", whole[..heap + 100].to_vec()),
        ("cut_in_the_middle.h5", whole[..whole.len() / 2].to_vec()),
    ]
}

/// A file of 0.4 MB whose 4,000 names of layers are the same string of 256 KiB, which is in it once.
pub fn many_names() -> Vec<u8> {
    keras_2("many_names.h5")
}
