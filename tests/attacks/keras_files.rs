//! Keras's archives, made to harm whoever reads them.

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
