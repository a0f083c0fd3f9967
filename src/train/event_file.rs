//! A file of TensorBoard's events: records of protocol buffers, one after the other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::TrainError;

/// `tensorflow.Event`, as far as it is written here.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

/// `tensorflow.Summary`
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<SummaryValue>,
}

/// `tensorflow.Summary.Value`
#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(oneof = "Datum", tags = "2, 4")]
    datum: Option<Datum>,
}

/// What a tag is given.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Datum {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

/// `tensorflow.Summary.Image`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Channels: 3 are red, green and blue.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// A PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// An events file that only grows, by whole records.
#[derive(Debug)]
pub(super) struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Starts a file in `directory`, which is created if need be, beside those of earlier runs.
    pub fn create(directory: &Path) -> Result<Self, TrainError> {
        let failed = |path: &Path, source| TrainError::WriteEvents { path: path.into(), source };
        fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
        // The first parts of the name are TensorBoard's; two runs of one second differ in the process.
        let name = format!("events.out.tfevents.{:010}.wgrad.{}", wall_time() as u64, std::process::id());
        let path = directory.join(name);
        let file = File::options().append(true).create_new(true).open(&path).map_err(|source| failed(&path, source))?;
        let mut events = Self { file, path };
        events.append(0, What::FileVersion("brain.Event:2".into()))?;
        Ok(events)
    }

    /// Adds `values`, given by tag, at `step`.
    pub fn write(&mut self, step: usize, values: Vec<(&str, Datum)>) -> Result<(), TrainError> {
        let values =
            values.into_iter().map(|(tag, datum)| SummaryValue { tag: tag.into(), datum: Some(datum) }).collect();
        self.append(step, What::Summary(Summary { values }))
    }

    fn append(&mut self, step: usize, what: What) -> Result<(), TrainError> {
        let event = Event { wall_time: wall_time(), step: step as i64, what: Some(what) };
        // In one call, so that a reader meets whole records.
        let written = self.file.write_all(&record(&event.encode_to_vec())).and_then(|()| self.file.flush());
        written.map_err(|source: io::Error| TrainError::WriteEvents { path: self.path.clone(), source })
    }
}

/// The length, its checksum, `data`, and its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// CRC-32C, turned and shifted as TFRecord asks for.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
