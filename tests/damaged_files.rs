//! Files made to harm whoever reads them: a typed error, no panic, and no more memory than a small multiple of the file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveWriter};
use serde_json::json;
use tempfile::TempDir;
use wgrad::exchange::{Elements, ExchangeError, Imported, Weights, write_npz};
use wgrad::model::{NamedTensor, Sequential};

mod allocation;

use allocation::measured;

/// What every file may take: buffers of the standard library, a network's description.
const ROOM: usize = 1 << 16;
/// How many times its size a file may take besides: its bytes, their copies, and JSON as a tree.
const TIMES: usize = 24;

/// A place for files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.0.path().join(format!("file.{extension}"))
    }

    /// Reads `bytes` as a file, and looks at the memory that it takes.
    fn import(&self, extension: &str, bytes: &[u8]) -> Result<Weights, ExchangeError> {
        let path = self.path(extension);
        fs::write(&path, bytes).unwrap();
        let (weights, most, _) = measured(|| Imported::read(&path).map(|imported| imported.weights));
        assert!(most <= ROOM + TIMES * bytes.len(), "{most} bytes for a file of {}: {weights:?}", bytes.len());
        if let Err(error) = &weights {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
        weights
    }

    fn refuses(&self, extension: &str, bytes: &[u8], part: &str) {
        let error = self.import(extension, bytes).unwrap_err().to_string();
        assert!(error.contains(part), "no `{part}` in {error}");
    }
}

/// A file of a header and nothing, with any length said.
fn safetensors(len: u64, header: &str) -> Vec<u8> {
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend(header.bytes().chain([0; 64]));
    bytes
}

#[test]
fn safetensors_files() {
    let files = Files::new();
    for len in [u64::MAX, 1 << 40, 90_000_000, 1000, 1, 0] {
        files.refuses("safetensors", &safetensors(len, "{}"), "not a whole safetensors file");
    }
    for (shape, offsets) in [
        ("[9223372036854775808, 2]", "[0, 64]"),
        ("[4611686018427387904]", "[0, 64]"),
        ("[16]", "[0, 18446744073709551615]"),
        ("[16]", "[64, 0]"),
        ("[17]", "[0, 64]"),
    ] {
        let header = format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        files.refuses("safetensors", &safetensors(header.len() as u64, &header), "not a whole safetensors file");
    }
    let header = r#"{"x":{"dtype":"F64","shape":[8],"data_offsets":[0,64]}}"#;
    files.refuses("safetensors", &safetensors(header.len() as u64, header), "`x` as F64");
    let deep = "[".repeat(200_000);
    files.refuses("safetensors", &safetensors(deep.len() as u64, &deep), "not a whole safetensors file");
    let deep = format!(r#"{{"x":{deep}"#);
    files.refuses("safetensors", &safetensors(deep.len() as u64, &deep), "not a whole safetensors file");
    // Networks of sizes that no machine has.
    let flatten = "[[layers]]\ntype = \"flatten\"";
    let dense = format!("{flatten}\n[[layers]]\ntype = \"dense\"\nunits =");
    let convolution = "[[layers]]\ntype = \"conv2d\"\npadding = \"same\"";
    for (input, layers) in [
        ("4, 4, 1", format!("{dense} 9223372036854775807")),
        ("4, 4, 1", format!("{convolution}\nfilters = 9223372036854775807\nkernel_size = 1\n{flatten}")),
        ("4, 4, 1", format!("{convolution}\nfilters = 1\nkernel_size = 9223372036854775807\n{flatten}")),
    ] {
        let model = format!("input = [{input}]\n{layers}");
        let metadata = json!({ "model": model, "class_names": [] }).to_string();
        let header = json!({ "__metadata__": { "wgrad": metadata } }).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        files.refuses("safetensors", &bytes, "has more than 536870912 elements");
    }
}

fn weights() -> Weights {
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

#[test]
fn every_cut_and_every_byte() {
    let files = Files::new();
    for (extension, whole) in [("safetensors", weights().to_bytes().unwrap()), ("npz", weights().to_npz().unwrap())] {
        assert_eq!(files.import(extension, &whole).unwrap().tensors.len(), 2);
        for len in 0..whole.len() {
            files.import(extension, &whole[..len]).unwrap_err();
        }
        for i in 0..whole.len() {
            for flip in [0xff, 1, 0x80] {
                let mut bytes = whole.clone();
                bytes[i] ^= flip;
                let read = files.import(extension, &bytes);
                // An archive has a checksum of each array: what is read is whole.
                if let (Ok(read), "npz") = (read, extension) {
                    let values =
                        |weights: &Weights| weights.tensors.iter().map(|tensor| tensor.values.clone()).collect();
                    let [mut read, mut whole]: [Vec<Vec<f32>>; 2] = [values(&read), values(&weights())];
                    read.sort_by_key(Vec::len);
                    whole.sort_by_key(Vec::len);
                    assert_eq!(read, whole, "byte {i}");
                }
            }
        }
    }
}

/// An archive of members, one of them compressed if asked.
fn zip(members: &[(&str, Vec<u8>)], deflated: Option<&str>) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, data) in members {
        let compressed = deflated == Some(name);
        let method = if compressed { CompressionMethod::DEFLATE } else { CompressionMethod::STORE };
        let (mut entry, config) =
            archive.new_file(EntryPath::verbatim(name.as_bytes())).compression_method(method).start().unwrap();
        if compressed {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, flate2::Compression::best()));
            writer.write_all(data).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(data).unwrap();
            let (_, descriptor) = writer.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
    }
    archive.finish().unwrap()
}

fn array(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(std::iter::repeat_n(0, data)));
    bytes
}

#[test]
fn numpy_archives() {
    let files = Files::new();
    let header = |kind: &str, shape: &str| format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    for (bytes, part) in [
        (array(&header("<f4", "(4611686018427387904,)"), 64), "as many as its shape says"),
        (array(&header("<f4", "(4294967296, 4294967296)"), 64), "as many as its shape says"),
        (array(&header("<f4", "(17,)"), 64), "as many as its shape says"),
        (array(&header("<f8", "(8,)"), 64), "`x` as `<f8`"),
        (array(&header("|O", "(8,)"), 64), "`x` as `|O`"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}".to_vec(), "cut short"),
        (b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(), "cut short"),
        (b"\x93NUMPY\x09\x00\x02\x00{}".to_vec(), "does not start as a .npy file"),
        (b"\x80\x04\x95pickle".to_vec(), "does not start as a .npy file"),
    ] {
        files.refuses("npz", &zip(&[("x.npy", bytes)], None), part);
    }
    files.refuses("npz", &zip(&[("x", vec![0; 9])], None), "`x` is not a .npy file");
    files.refuses("npz", b"PK\x03\x04", "NumPy archive");
    files.refuses("npz", b"no archive at all", "NumPy archive");
    // The contents decide what a file is, not its name.
    assert_eq!(files.import("keras", &weights().to_npz().unwrap()).unwrap().tensors.len(), 2);

    // A bomb of 64 MB in 64 KB: nothing is unpacked.
    let bomb = array(&header("<f4", "(16777216,)"), 1 << 26);
    let bytes = zip(&[("x.npy", bomb)], Some("x.npy"));
    assert!(bytes.len() < 1 << 17);
    files.refuses("npz", &bytes, "`x.npy` is compressed");

    // Paths are names: nothing is written.
    let tensor = array(&header("<f4", "(2,)"), 8);
    for name in ["../../escape.npy", "/tmp/escape.npy", "C:\\escape.npy", "a/../b.npy", ".npy"] {
        let read = files.import("npz", &zip(&[(name, tensor.clone())], None)).unwrap();
        assert_eq!(read.tensors[0].name, name.strip_suffix(".npy").unwrap());
        assert!(read.check_fit(&Sequential::new([2, 1, 1]).flatten().dense(1)).is_err());
    }
    files.refuses("npz", &zip(&[("x.npy", tensor.clone()), ("x.npy", tensor)], None), "two members");
}

/// Many members that are the same bytes: the list of an archive of one, said again and again.
#[test]
fn members_that_overlap() {
    let files = Files::new();
    let values = vec![1.0; 10_000];
    let whole = write_npz(&[("aaaa", &[10_000], Elements::F32(&values))]).unwrap();
    let archive = ZipArchive::from_slice(&whole).unwrap();
    let (start, end) = (archive.directory_offset() as usize, archive.eocd_offset() as usize);
    let entry = &whole[start..end];
    for copies in [1, 2, 3000] {
        let mut bytes = whole[..start].to_vec();
        for copy in 0..copies {
            let place = bytes.len() + entry.windows(4).position(|name| name == b"aaaa").unwrap();
            bytes.extend(entry);
            bytes[place..place + 4].copy_from_slice(format!("{copy:04}").as_bytes());
        }
        let directory = bytes.len() - start;
        let mut tail = whole[end..].to_vec();
        tail[8..10].copy_from_slice(&(copies as u16).to_le_bytes());
        tail[10..12].copy_from_slice(&(copies as u16).to_le_bytes());
        tail[12..16].copy_from_slice(&(directory as u32).to_le_bytes());
        bytes.extend(tail);
        match copies {
            1 => assert_eq!(files.import("npz", &bytes).unwrap().tensors[0].values, values),
            _ => files.refuses("npz", &bytes, "members overlap"),
        }
    }
}

const KERAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/network.keras");

/// The members of the archive that Keras wrote.
fn keras() -> [Vec<u8>; 2] {
    let bytes = fs::read(KERAS).unwrap();
    let archive = ZipArchive::from_slice(&bytes).unwrap();
    ["config.json", "model.weights.h5"].map(|name| {
        let mut entries = archive.entries();
        while let Some(entry) = entries.next_entry().unwrap() {
            if entry.file_path().as_bytes() == name.as_bytes() {
                return archive.get_entry(entry.wayfinder()).unwrap().data().to_vec();
            }
        }
        panic!("no {name}");
    })
}

fn keras_archive(config: &[u8], weights: &[u8]) -> Vec<u8> {
    zip(&[("config.json", config.to_vec()), ("model.weights.h5", weights.to_vec())], None)
}

#[test]
fn keras_descriptions() {
    let files = Files::new();
    let [config, weights] = keras();
    let text = String::from_utf8(config.clone()).unwrap();
    files.import("keras", &keras_archive(&config, &weights)).unwrap();
    for (from, to, part) in [
        (
            r#""class_name": "Sequential""#,
            r#""class_name": "Functional""#,
            "its network doesn't say its inputs and outputs",
        ),
        (r#""class_name": "Dropout""#, r#""class_name": "Lambda""#, "layer `dropout` (Lambda)"),
        (r#""activation": "tanh""#, r#""activation": "glu""#, "layer `hidden` (Dense)"),
        (r#""filters": 2"#, r#""filters": 9223372036854775807"#, "more than 536870912 elements"),
        (r#""units": 4"#, r#""units": 5"#, "wants `hidden/kernel` as [18, 5], but that is [18, 4]"),
        (r#"[null, 9, 8, 3]"#, r#"[null, null, null, 3]"#, "leaves a size of the images open"),
        (r#"[null, 9, 8, 3]"#, r#"[null, 4611686018427387904, 8, 3]"#, "from Keras"),
        (r#""name": "second""#, r#""name": "conv2d""#, "two layers are called `conv2d`"),
        (r#""layers": ["#, r#""layer": ["#, "missing field `layers`"),
    ] {
        assert!(text.contains(from), "{from}");
        files.refuses("keras", &keras_archive(text.replacen(from, to, 1).as_bytes(), &weights), part);
    }
    for json in ["[".repeat(300_000), "{\"a\":".repeat(100_000), "[0,".repeat(90_000), "\u{0}".into(), "3".into()] {
        files.import("keras", &keras_archive(json.as_bytes(), &weights)).unwrap_err();
    }
    // A long list of nothing.
    let zeros = format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}0]}}}}"#, "0,".repeat(200_000));
    files.refuses("keras", &keras_archive(zeros.as_bytes(), &weights), "description of its network: invalid type");
    for i in (0..config.len()).step_by(7) {
        let mut config = config.clone();
        config[i] ^= 1;
        let _ = files.import("keras", &keras_archive(&config, &weights));
    }
}

#[test]
fn keras_weights() {
    let files = Files::new();
    let [config, weights] = keras();
    let import = |weights: &[u8]| files.import("keras", &keras_archive(&config, weights));
    let whole = import(&weights).unwrap();
    for len in (0..weights.len()).step_by(64) {
        // The end of such a file holds nothing.
        assert!(import(&weights[..len]).map_or(true, |read| len > weights.len() / 2 && read == whole), "{len}");
    }
    let mut refused = 0;
    for i in (0..weights.len()).step_by(5) {
        let mut weights = weights.clone();
        weights[i] ^= if i % 2 == 0 { 0xff } else { 1 };
        refused += usize::from(import(&weights).is_err());
    }
    assert!(refused > 200, "{refused}");
    for value in [u64::MAX, 1 << 40] {
        for i in (0..weights.len() - 8).step_by(24) {
            let mut weights = weights.clone();
            weights[i..i + 8].copy_from_slice(&value.to_le_bytes());
            let _ = import(&weights);
        }
    }
    // A dataset that says to be huge and to have no bytes in the file, only a value that fills it.
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut huge = weights.clone();
    let place = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
    let sizes = place(&huge, &words(&[18, 4]));
    huge[sizes..sizes + 16].copy_from_slice(&words(&[1 << 30, 1]));
    let len = place(&huge, &words(&[18 * 4 * 4]));
    huge[len - 8..len + 8].copy_from_slice(&words(&[u64::MAX, 4 << 30]));
    let error = import(&huge).unwrap_err().to_string();
    assert!(error.contains("`hidden`") && error.contains("longer than the file"), "{error}");
    assert!(import(b"\x89HDF\r\n\x1a\n").is_err() && import(b"").is_err());
    // The archive's own checksum finds damage before that.
    let whole = fs::read(Path::new(KERAS)).unwrap();
    for i in (0..whole.len()).step_by(23) {
        let mut bytes = whole.clone();
        bytes[i] ^= 0x10;
        let _ = files.import("keras", &bytes);
    }
}
