//! How each kind of file is read: shared by the replay of the attacks and by the fuzz targets.

#[path = "../archives/mod.rs"]
mod archives;

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use sha2::Sha256;
use wgrad::data::cifar::CifarFiles;
use wgrad::data::idx::IdxFiles;
use wgrad::data::published::{Archive, Format};
use wgrad::data::{DataError, PublishedSet, picture};
use wgrad::exchange::{Imported, StateDictOptions, Weights};
use wgrad::file;
use wgrad::graph::{Mode, Plan, Target, Tuning};
use wgrad::kernel::MicroKernel;
use wgrad::model::{BuildOptions, Network, Sequential};
use wgrad::train::{Checkpoints, History, TuningCache};

#[allow(unused_imports)]
pub use archives::{keras_archive, keras_member, zip};

/// Reads bytes as a file within a directory; whether they were accepted, else the error's message.
pub type Reader = fn(&Path, &[u8]) -> Result<(), String>;

/// The kinds, and how each is read.
#[allow(dead_code)]
pub const READERS: [(&str, Reader); 13] = [
    ("cifar_batch", cifar_batch),
    ("cifar_archive", cifar_archive),
    ("idx", idx),
    ("picture", picture),
    ("safetensors", safetensors),
    ("state_dict", state_dict),
    ("npz", npz),
    ("keras", keras),
    ("keras_hdf5", keras_hdf5),
    ("model_file", model_file),
    ("tuning_cache", tuning_cache),
    ("checkpoint", checkpoint),
    ("history", history),
];

/// A set of CIFAR's layout whose files have two images each.
pub static TINY: PublishedSet = PublishedSet {
    name: "tiny",
    title: "Tiny",
    variable: "TINY_DIR",
    class_names: &["cat", "dog", "owl"],
    directory: Some("tiny"),
    archives: &[],
    format: Format::Cifar(CifarFiles { train: &[("train.bin", 2)], test: &[("test.bin", 2)], label_bytes: 1 }),
};

/// Bytes of a record of [`TINY`].
#[allow(dead_code)]
pub const TINY_RECORD: usize = 1 + 3 * 32 * 32;

/// A set of MNIST's layout with two images of each kind.
static TINY_IDX: PublishedSet = PublishedSet {
    name: "tiny-idx",
    title: "Tiny IDX",
    variable: "TINY_IDX_DIR",
    class_names: &["cat", "dog", "owl"],
    directory: None,
    archives: &[],
    format: Format::Idx(IdxFiles { train: 2, test: 2 }),
};

fn message(error: impl Into<wgrad::Error>) -> String {
    error.into().to_string()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// A file of records; training and test images are the same ones.
pub fn cifar_batch(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    for (name, _) in TINY.files() {
        write(&folder.join(name), bytes);
    }
    TINY.load(folder).map(drop).map_err(message)
}

/// An archive with the right checksum. A plain tar file is compressed first, so that a fuzzer need not.
pub fn cifar_archive(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let compressed;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        bytes
    } else {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
        gzip.write_all(bytes).unwrap();
        compressed = gzip.finish().unwrap();
        &compressed
    };
    let read = unpack(&TINY, "tiny.tar.gz", folder, bytes).and_then(|()| TINY.load(folder)).map(drop);
    let _ = fs::remove_dir_all(folder.join("tiny"));
    read.map_err(message)
}

/// Unpacks an archive that has the right checksum.
fn unpack(set: &'static PublishedSet, name: &'static str, folder: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let path = folder.join(name);
    write(&path, bytes);
    let md5: String = Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let archive = Archive { name, url: "".into(), bytes: bytes.len() as u64, md5: md5.into() };
    archive.unpack(set, &path, folder)
}

/// An IDX file: labels if it says that it has one dimension, else images; or an archive of images.
pub fn idx(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    for (name, len) in TINY_IDX.files() {
        let mut whole = match name.contains("labels") {
            true => b"\0\0\x08\x01\0\0\0\x02".to_vec(),
            false => b"\0\0\x08\x03\0\0\0\x02\0\0\0\x1c\0\0\0\x1c".to_vec(),
        };
        whole.resize(len as usize, 0);
        write(&folder.join(name), &whole);
    }
    match bytes {
        [0x1f, 0x8b, ..] => unpack(&TINY_IDX, "train-images-idx3-ubyte.gz", folder, bytes).map_err(message)?,
        [_, _, _, 1, ..] => write(&folder.join("t10k-labels-idx1-ubyte"), bytes),
        _ => write(&folder.join("train-images-idx3-ubyte"), bytes),
    }
    TINY_IDX.load(folder).map(drop).map_err(message)
}

/// A picture, as one of 8 x 8 pixels.
pub fn picture(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("picture.png");
    write(&path, bytes);
    let pixels = picture::read(&path, [8, 8, 3]).map_err(message)?;
    assert_eq!(pixels.len(), 8 * 8 * 3);
    Ok(())
}

fn weights(path: &Path, bytes: &[u8]) -> Result<(), String> {
    write(path, bytes);
    let weights = Imported::read(path).map_err(message)?.weights;
    for tensor in &weights.tensors {
        assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len());
    }
    if let Some(model) = &weights.model {
        let _ = weights.check_fit(model);
    }
    Ok(())
}

/// Weights of wgrad.
pub fn safetensors(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    weights(&folder.join("weights.safetensors"), bytes)
}

/// The network of state dicts that are short enough.
const MODULES: &str = r#"
version = 2
input = [2, 2, 3]
layers = [
    { type = "conv2d", name = "conv", filters = 2, kernel_size = 1, use_bias = false },
    { type = "batch_normalization", name = "norm" },
    { type = "flatten" },
    { type = "dense", name = "fc", units = "classes", use_bias = false },
]"#;

/// A state dict of PyTorch, first as that of a network of torchvision or timm, then as that of a small network.
pub fn state_dict(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("state.safetensors");
    write(&path, bytes);
    let weights = Weights::read(&path).map_err(message)?;
    let tensors = weights.tensors;
    let outputs = Weights::outputs_of_state_dict(&tensors);
    if let Err(error) = Weights::from_state_dict(tensors.clone(), None, &StateDictOptions::default()) {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    let network = Network::from_toml_for(MODULES, [32, 32, 3], &outputs).map_err(message)?;
    Weights::from_state_dict_of(tensors, network).map(drop).map_err(message)
}

/// A NumPy archive; a single array becomes an archive of one, with the right checksum.
pub fn npz(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("weights.npz");
    if bytes.starts_with(b"\x93NUMPY") { weights(&path, &zip(&[("x.npy", bytes)])) } else { weights(&path, bytes) }
}

/// A Keras archive; a description or an HDF5 file takes the place of that of a whole one.
pub fn keras(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("network.keras");
    match bytes.first() {
        Some(b'{' | b'[') => weights(&path, &keras_archive(Some(bytes), None)),
        Some(0x89) => weights(&path, &keras_archive(None, Some(bytes))),
        _ => weights(&path, bytes),
    }
}

/// A whole model or weights of Keras as HDF5.
pub fn keras_hdf5(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    weights(&folder.join("network.h5"), bytes)
}

/// A network, built and planned as for training.
pub fn model_file(_: &Path, bytes: &[u8]) -> Result<(), String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let model = Network::from_toml(text, None).map_err(message)?;
    model.to_toml().map_err(message)?;
    plan(&model, Tuning::default())
}

/// Measured choices, and a network that is planned with them.
pub fn tuning_cache(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let cache = TuningCache::at(&folder.join("tuning.json"));
    write(cache.path(), bytes);
    let tuning = cache.load("gpu").map_err(message)?;
    if tuning.is_empty() { Ok(()) } else { plan(&Sequential::tutorial([32, 32, 3], 10), tuning) }
}

/// Where a training stands, with the right checksum in place of the last bytes.
pub fn checkpoint(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let (contents, _) = bytes.split_at(bytes.len().saturating_sub(<Sha256 as Digest>::output_size()));
    write(&folder.join("checkpoint-1.safetensors"), &[contents, &Sha256::digest(contents)].concat());
    let (checkpoint, _) = Checkpoints::newest(folder).map_err(message)?;
    checkpoint.unwrap().to_bytes().map(drop)
}

/// Rows of finished epochs.
pub fn history(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let path = folder.join("history.json");
    write(&path, bytes);
    let text = file::read_text(&path, 1 << 20).map_err(|error| error.to_string())?;
    History::from_json(&text)?.to_csv().map(drop).map_err(|error| error.to_string())
}

fn plan(model: &Network, tuning: Tuning) -> Result<(), String> {
    let target = Target::new(MicroKernel::Direct, 8);
    let options = BuildOptions { tuning, ..BuildOptions::default() };
    let mut graph = model.build_with(32, target, options).map_err(message)?.graph;
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[]).unwrap().0);
    Plan::new(&graph, dispatches, &[]).map(drop).map_err(message)
}
