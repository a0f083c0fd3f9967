//! Files of TensorBoard's events, which are records of protocol buffers, one after the other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;

use super::TrainError;

/// The part of `tensorflow.Event` that is written here.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// `tensorflow.SessionLog`
#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    /// [`START`], as far as it is written here.
    #[prost(int32, tag = "1")]
    status: i32,
}

/// A session starts: TensorBoard forgets what it has read of the directory from the event's step on.
const START: i32 = 1;

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

/// The value of a tag.
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

/// What the names of TensorBoard's files start with.
const NAME: &str = "events.out.tfevents.";

/// An events file that only grows, by whole records.
///
/// TensorBoard reads all files of a directory as one, in order of their names. A file starts with an event that has it
/// forget all that the files before hold: of the runs that wrote to a directory, and of the parts of a run that was
/// resumed, it shows the last.
#[derive(Debug)]
pub(super) struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Starts a file in `directory`, which is created if need be. Its name comes after those of the files there.
    pub fn create(directory: &Path) -> Result<Self, TrainError> {
        let failed = |path: &Path, source| TrainError::WriteEvents { path: path.into(), source };
        fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
        let now = wall_time();
        let seconds = match last_second(directory) {
            // A clock that was set back must not bring it before the others.
            Some(last) if last > now.as_secs() => last.saturating_add(1),
            _ => now.as_secs(),
        };
        let name = format!("{NAME}{seconds:010}.wgrad.{:09}.{}", now.subsec_nanos(), std::process::id());
        let path = directory.join(name);
        let file = File::options().append(true).create_new(true).open(&path).map_err(|source| failed(&path, source))?;
        let mut events = Self { file, path };
        events.append(0, now, What::FileVersion("brain.Event:2".into()))?;
        events.append(0, now, What::SessionLog(SessionLog { status: START }))?;
        Ok(events)
    }

    /// Adds `values`, given by tag, at `step`; they were measured `ago`.
    pub fn write(&mut self, step: usize, ago: Duration, values: Vec<(&str, Datum)>) -> Result<(), TrainError> {
        let values =
            values.into_iter().map(|(tag, datum)| SummaryValue { tag: tag.into(), datum: Some(datum) }).collect();
        self.append(step, wall_time().saturating_sub(ago), What::Summary(Summary { values }))
    }

    fn append(&mut self, step: usize, time: Duration, what: What) -> Result<(), TrainError> {
        let event = Event { wall_time: time.as_secs_f64(), step: step as i64, what: Some(what) };
        // In one call, so that a reader finds whole records.
        let written = self.file.write_all(&record(&event.encode_to_vec())).and_then(|()| self.file.flush());
        written.map_err(|source: io::Error| TrainError::WriteEvents { path: self.path.clone(), source })
    }
}

/// The latest second in the names of a directory's event files.
fn last_second(directory: &Path) -> Option<u64> {
    let names = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.strip_prefix(NAME)?.get(..10)?.parse().ok()).max()
}

/// The length, its checksum, `data`, and its checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), data, &masked_crc(data)].concat()
}

/// CRC-32C, rotated and offset as the format TFRecord demands.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Since 1970.
fn wall_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
