//! Files of one kind where another is wanted.

use std::fs;
use std::path::Path;

use wgrad::exchange::{Elements, FileKind, Imported, Weights, write_npz};

use crate::archives::zip;
use crate::commands::fails;
use crate::{KERAS, odd_weights};

/// A field of a protocol buffer that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A file of each kind.
fn files() -> Vec<(FileKind, Vec<u8>)> {
    let array = write_npz(&[("x", &[2], Elements::F32(&[1.0, 2.0]))]).unwrap();
    let start = array.windows(6).position(|window| window == b"\x93NUMPY").unwrap();
    let onnx = Weights { model: None, ..odd_weights() }.to_onnx().is_err();
    assert!(onnx, "weights without a network have no ONNX file");
    vec![
        (FileKind::Safetensors, odd_weights().to_bytes().unwrap()),
        (FileKind::NumpyArchive, odd_weights().to_npz().unwrap()),
        (FileKind::NumpyArray, array[start..start + 128 + 8].to_vec()),
        (FileKind::KerasArchive, fs::read(KERAS).unwrap()),
        (FileKind::Hdf5, crate::archives::keras_member("model.weights.h5")),
        (FileKind::Zip, zip(&[("readme.txt", b"hello"), ("x.npy", b"")])),
        (FileKind::PyTorch, zip(&[("archive/data.pkl", b"\x80\x02}q\0."), ("archive/data/0", b"1234")])),
        (FileKind::Pickle, b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".to_vec()),
        (FileKind::Onnx, odd_weights().to_onnx().unwrap()),
        (FileKind::TensorFlowLite, b"\x1c\0\0\0TFL3\x14\0 \0".to_vec()),
        (FileKind::SavedModel, [&[8, 1][..], &field(2, &field(1, b"tags"))].concat()),
        (
            FileKind::TensorFlowGraph,
            [field(1, &field(1, b"x")), field(1, &field(1, b"y")), field(4, &[8, 27])].concat(),
        ),
        (FileKind::TensorFlowCheckpoint, [&[0; 40][..], b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"].concat()),
        (FileKind::Picture, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        (FileKind::Picture, b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec()),
        (FileKind::ModelFile, b"[[layers]]\ntype = \"flatten\"\n".to_vec()),
        (FileKind::Empty, Vec::new()),
        (FileKind::Unknown, b"epoch,loss,accuracy\n1,2,3\n".to_vec()),
    ]
}

/// The contents tell, whatever the file is called; where they tell nothing, its extension does.
#[test]
fn a_file_is_known_by_its_contents() {
    for (kind, bytes) in files() {
        for name in ["a", "a.keras", "a.h5", "a.npz", "a.safetensors", "a.onnx", "a.pth"] {
            let by_extension = matches!(kind, FileKind::Zip | FileKind::Empty | FileKind::Unknown) && name.len() > 1;
            if !by_extension {
                assert_eq!(FileKind::of(Path::new(name), &bytes), kind, "{name}");
            }
        }
    }
    for (name, kind) in [
        ("a.keras", FileKind::KerasArchive),
        ("a.h5", FileKind::Hdf5),
        ("a.npz", FileKind::NumpyArchive),
        ("a.safetensors", FileKind::Safetensors),
    ] {
        assert_eq!(FileKind::of(Path::new(name), b"PK\x03\x04 cut short"), kind);
    }
}

/// Whatever is given instead of weights, the error names what it is, and the command or the way that makes weights of
/// it; nothing of the file's first bytes is taken for a length.
#[test]
fn a_file_of_another_kind_is_named_where_weights_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir_all(folder.join("run")).unwrap();
    fs::create_dir_all(folder.join("saved")).unwrap();
    fs::write(folder.join("run/weights.safetensors"), odd_weights().to_bytes().unwrap()).unwrap();
    fs::write(folder.join("saved/saved_model.pb"), "").unwrap();
    for (kind, bytes) in files() {
        // Under a name that says nothing, and one that says another kind.
        for name in ["file", "file.safetensors"] {
            let tells = !matches!(kind, FileKind::Zip | FileKind::Empty | FileKind::Unknown) || name == "file";
            if kind == FileKind::Safetensors || !tells {
                continue;
            }
            let path = folder.join(name);
            fs::write(&path, &bytes).unwrap();
            let error = Weights::read(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("is {kind}, not a safetensors file")), "{error}");
            let imported = Imported::read(&path);
            assert_eq!(imported.is_ok(), kind.is_imported(), "{kind}: {imported:?}");
            if let Err(error) = imported {
                assert!(error.to_string().contains(&kind.to_string()), "{error}");
                assert!(error.to_string().contains(kind.advice()), "{error}");
            }
        }
    }
    fs::copy(KERAS, folder.join("a.keras")).unwrap();
    fs::write(folder.join("a.npz"), odd_weights().to_npz().unwrap()).unwrap();
    for file in ["a.keras", "a.npz"] {
        let command = format!("wgrad import {file} --out weights.safetensors");
        for wanted in ["eval --dataset shapes --weights", "predict x.png --weights", "train --dataset shapes --from"] {
            fails(folder, &format!("{wanted} {file}"), &[&format!("{file} is a "), "not a safetensors file", &command]);
        }
    }
    for (arguments, parts) in [
        ("eval --dataset shapes --weights run", ["run is the directory of a run", "weights.safetensors in it"]),
        ("export --format onnx --out x --weights saved", ["saved is a SavedModel", "network.keras"]),
        ("import saved --out x", ["saved is a SavedModel", "network.keras"]),
        ("eval --dataset shapes --weights .", [". is a directory", ".safetensors"]),
        // A file of weights, or anything else, in place of a model file.
        ("summary --model a.keras", ["a.keras is a Keras archive, not a model file", "wgrad import a.keras"]),
        ("train --dataset shapes --append a.npz", ["a.npz is a NumPy archive, not a model file", "wgrad import a.npz"]),
        ("summary --model run/weights.safetensors", ["is a safetensors file, not a model file", "--from"]),
        ("summary --model run", ["run is the directory of a run, not a model file", "models/tutorial.toml"]),
    ] {
        fails(folder, arguments, &parts);
    }
}
