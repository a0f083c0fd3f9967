//! Recognises what a file is by its contents.

use std::fmt;
use std::path::Path;

use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use rawzip::ZipArchive;

use super::hdf5::Hdf5;
use super::keras;
use super::safetensors::header_len;

/// What the index of a TensorFlow checkpoint ends with (tsl/lib/io/format.h).
const TABLE_MAGIC: &[u8] = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb";

/// Kinds of files that may be given where weights or a network are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Weights as wgrad and others write them.
    Safetensors,
    /// `numpy.savez`
    NumpyArchive,
    /// `numpy.save`
    NumpyArray,
    /// The `.keras` file of Keras 2.13 and later.
    KerasArchive,
    /// The `.h5` file of Keras, which was also its `.keras` file before 2.13.
    Hdf5,
    /// An archive of anything else.
    Zip,
    /// A Python object. Old files of PyTorch are of this kind.
    Pickle,
    /// `torch.save`
    PyTorch,
    /// A network for inference.
    Onnx,
    /// A network for inference on small devices.
    TensorFlowLite,
    /// The file `saved_model.pb`, or the directory that holds it.
    SavedModel,
    /// Weights of TensorFlow, in several files.
    TensorFlowCheckpoint,
    /// A graph of TensorFlow 1.
    TensorFlowGraph,
    /// A picture.
    Picture,
    /// A model file of wgrad, which describes a network.
    ModelFile,
    /// A directory with the weights of a run.
    Run,
    /// A directory of anything else.
    Directory,
    /// A file without contents.
    Empty,
    /// Anything else.
    Unknown,
}

impl FileKind {
    /// The kind of the file at `path` that holds `bytes`. Where the contents don't tell it, as in a damaged file, the
    /// extension decides.
    pub fn of(path: &Path, bytes: &[u8]) -> Self {
        let by_contents = Self::of_contents(bytes);
        if by_contents != Self::Unknown && by_contents != Self::Zip && by_contents != Self::Empty {
            return by_contents;
        }
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension {
            "safetensors" => Self::Safetensors,
            "npz" => Self::NumpyArchive,
            "keras" => Self::KerasArchive,
            "h5" | "hdf5" => Self::Hdf5,
            _ => by_contents,
        }
    }

    /// The kind of the directory at `path`.
    pub fn of_directory(path: &Path) -> Self {
        if path.join("saved_model.pb").exists() {
            Self::SavedModel
        } else if path.join("weights.safetensors").exists() {
            Self::Run
        } else {
            Self::Directory
        }
    }

    fn of_contents(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Empty,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => archive(bytes),
            [0x80, 2..=5, ..] => Self::Pickle,
            [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Self::TensorFlowLite,
            [0xff, 0xd8, 0xff, ..] => Self::Picture,
            _ if bytes.starts_with(Hdf5::MAGIC) => Self::Hdf5,
            _ if bytes.ends_with(TABLE_MAGIC) => Self::TensorFlowCheckpoint,
            _ if bytes.starts_with(b"\x93NUMPY") => Self::NumpyArray,
            _ if bytes.starts_with(b"\x89PNG\r\n") => Self::Picture,
            [_, _, _, _, _, _, _, _, b'{', ..] if header_len(bytes).is_some_and(|len| len >> 40 == 0) => {
                Self::Safetensors
            }
            _ => message(bytes).or_else(|| model_file(bytes)).unwrap_or(Self::Unknown),
        }
    }

    /// Whether [`Imported::read`](super::Imported::read) reads such files.
    pub fn is_imported(self) -> bool {
        matches!(self, Self::Safetensors | Self::NumpyArchive | Self::KerasArchive | Self::Hdf5)
    }

    /// What to do with such a file where weights are wanted.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Safetensors | Self::NumpyArchive | Self::KerasArchive | Self::Hdf5 => "import it",
            Self::NumpyArray => "collect the arrays of the whole network with numpy.savez, under Keras's names",
            Self::Pickle | Self::PyTorch => {
                "a pickle can run any program, so wgrad doesn't open it. Store the state dict as safetensors, in Python: \
                 `import torch, safetensors.torch as s; d = torch.load(\"model.pth\", weights_only=True); \
                 s.save_file({k: v.contiguous().clone() for k, v in d.items()}, \"model.safetensors\")`, and import that"
            }
            Self::SavedModel => {
                "store the Keras model that it was made from with model.save(\"network.keras\"); TensorFlow 2.15 or \
                 older can load it with tf.keras.models.load_model"
            }
            Self::TensorFlowCheckpoint => {
                "load it into the Keras model with model.load_weights, and store that with model.save(\"network.keras\")"
            }
            Self::Onnx | Self::TensorFlowLite | Self::TensorFlowGraph => {
                "give the file of the Keras model that it was made from"
            }
            Self::ModelFile => "it describes a network but has no weights; give it together with a file of weights",
            Self::Run => "give the file weights.safetensors in it",
            Self::Zip | Self::Picture | Self::Directory | Self::Empty | Self::Unknown => {
                "give a .safetensors, .npz, .keras or .h5 file"
            }
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "a safetensors file",
            Self::NumpyArchive => "a NumPy archive",
            Self::NumpyArray => "a single NumPy array",
            Self::KerasArchive => "a Keras archive",
            Self::Hdf5 => "an HDF5 file, as Keras 2 writes them",
            Self::Zip => "a zip archive",
            Self::Pickle => "a Python pickle, as PyTorch writes them",
            Self::PyTorch => "a PyTorch archive",
            Self::Onnx => "an ONNX file",
            Self::TensorFlowLite => "a TensorFlow Lite model",
            Self::SavedModel => "a SavedModel of TensorFlow",
            Self::TensorFlowCheckpoint => "a checkpoint of TensorFlow",
            Self::TensorFlowGraph => "a graph of TensorFlow",
            Self::Picture => "a picture",
            Self::ModelFile => "a model file (TOML)",
            Self::Run => "the directory of a run",
            Self::Directory => "a directory",
            Self::Empty => "an empty file",
            Self::Unknown => "a file of a kind that wgrad doesn't know",
        })
    }
}

/// The kind of a zip archive, by the names of its members.
fn archive(bytes: &[u8]) -> FileKind {
    let Ok(archive) = ZipArchive::from_slice(bytes) else { return FileKind::Zip };
    let (mut arrays, mut others) = (0, 0);
    let mut entries = archive.entries();
    while let Ok(Some(entry)) = entries.next_entry() {
        let path = entry.file_path();
        let name = path.as_bytes();
        if keras::MEMBERS.iter().any(|member| member.as_bytes() == name) {
            return FileKind::KerasArchive;
        }
        if name == b"data.pkl" || name.ends_with(b"/data.pkl") {
            return FileKind::PyTorch;
        }
        *if name.ends_with(b".npy") { &mut arrays } else { &mut others } += 1;
    }
    if arrays > 0 && others == 0 { FileKind::NumpyArchive } else { FileKind::Zip }
}

/// The kind of a protocol buffer, by the numbers of its fields: ONNX's `ModelProto` has a version (1) and a graph (7),
/// TensorFlow's `SavedModel` a version (1) and graphs (2), `GraphDef` nodes (1) and versions (4) or a library (2).
fn message(mut bytes: &[u8]) -> Option<FileKind> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (field, wire_type) = decode_key(&mut bytes).ok()?;
        skip_field(wire_type, field, &mut bytes, DecodeContext::default()).ok()?;
        if !fields.contains(&(field, wire_type)) {
            fields.push((field, wire_type));
        }
        if fields.len() > 20 {
            return None;
        }
    }
    let [number, part] = [WireType::Varint, WireType::LengthDelimited];
    let has = |field: u32, wire_type: WireType| fields.contains(&(field, wire_type));
    if has(1, number) && has(7, part) && has(8, part) {
        Some(FileKind::Onnx)
    } else if has(1, number) && has(2, part) && fields.len() == 2 {
        Some(FileKind::SavedModel)
    } else if has(1, part) && (has(4, part) || has(2, part)) && fields.iter().all(|(field, _)| *field <= 5) {
        Some(FileKind::TensorFlowGraph)
    } else {
        None
    }
}

/// A text with a table of layers.
fn model_file(bytes: &[u8]) -> Option<FileKind> {
    let text = str::from_utf8(bytes).ok()?;
    text.lines().any(|line| line.trim() == "[[layers]]").then_some(FileKind::ModelFile)
}
