//! TensorBoard's event files, read back by a parser that shares no code with what wrote them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wgrad::data::shapes;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;
use wgrad::train::{History, HistoryRow, Observer, TensorBoard, TrainError, Trainer, Validation};

mod command;

#[cfg(unix)]
use command::*;

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (head, tail) = bytes.split_at(len);
    *bytes = tail;
    head
}

/// Takes `bytes` and the checksum that follows them.
fn take_checked<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let data = take(bytes, len);
    let crc = crc32c(data);
    let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(take(bytes, 4), masked.to_le_bytes(), "checksum");
    data
}

/// The contents of each record of a file.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(take_checked(&mut bytes, 8).try_into().unwrap());
        records.push(take_checked(&mut bytes, length as usize));
    }
    records
}

#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Double(f64),
    Float(f32),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn number(self) -> u64 {
        if let Self::Number(number) = self { number } else { panic!("{self:?}") }
    }

    fn bytes(self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { panic!("{self:?}") }
    }
}

/// Numbers and values of a protocol buffer's fields.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let varint = |bytes: &mut &[u8]| {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = take(bytes, 1)[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    };
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Double(f64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut bytes) as usize;
                Field::Bytes(take(&mut bytes, length))
            }
            5 => Field::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn field<'a>(message: &'a [u8], number: u64) -> Option<Field<'a>> {
    fields(message).into_iter().find(|(found, _)| *found == number).map(|(_, field)| field)
}

/// The only file of a directory.
fn file(directory: &Path) -> PathBuf {
    let mut files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let path = files.next().unwrap();
    assert!(files.next().is_none());
    assert!(path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    path
}

/// Step, tag and value of each scalar, in order.
fn scalars(bytes: &[u8]) -> Vec<(u64, String, f32)> {
    let mut scalars = Vec::new();
    for event in records(bytes) {
        let step = field(event, 2).map_or(0, Field::number);
        let Some(summary) = field(event, 5) else { continue };
        for (_, value) in fields(summary.bytes()) {
            let tag = String::from_utf8(field(value.bytes(), 1).unwrap().bytes().to_vec()).unwrap();
            if let Some(Field::Float(scalar)) = field(value.bytes(), 2) {
                scalars.push((step, tag, scalar));
            }
        }
    }
    scalars
}

/// A tag, and what it has of an epoch.
type Column = (&'static str, fn(&HistoryRow) -> f64);

/// Reads the files at the end of each epoch, while they are being written.
struct Reader(PathBuf, Vec<usize>);

impl Observer for Reader {
    fn on_epoch_end(&mut self, _row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        self.1.push(records(&fs::read(file(&self.0.join("train"))).unwrap()).len());
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn the_files_hold_the_history_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(4).flatten().dense(10);
    let mut executor = Executor::new(gpu, &model, Options { batch_size: 16, ..Options::default() }).unwrap();
    let (dataset, mut history) = (shapes::generate(64, 32), History::new("shapes", Validation::TestImages));
    let mut tensorboard = TensorBoard::create(folder.path()).unwrap();
    let mut reader = Reader(folder.path().into(), Vec::new());
    let stop = AtomicBool::new(false);
    let trainer = Trainer::new(&mut executor, &dataset, 0, &stop);
    trainer.observe(&mut history).observe(&mut tensorboard).observe(&mut reader).fit(3).unwrap();
    // The first records are the version and the start.
    assert_eq!(reader.1, [3, 4, 5]);
    let png = b"\x89PNG stands in".repeat(99);
    tensorboard.picture("confusion_matrix", 3, &png, [300, 200]).unwrap();

    let [train, validation] = ["train", "validation"].map(|name| fs::read(file(&folder.path().join(name))).unwrap());
    let expected = |columns: &[Column]| -> Vec<(u64, String, f32)> {
        let row = |row: &HistoryRow| {
            columns
                .iter()
                .map(|(tag, value)| (row.epoch as u64, (*tag).to_owned(), value(row) as f32))
                .collect::<Vec<_>>()
        };
        history.epochs.iter().flat_map(row).collect()
    };
    assert_eq!(history.epochs.len(), 3);
    assert_eq!(
        scalars(&train),
        expected(&[
            ("epoch_loss", |row| row.loss),
            ("epoch_accuracy", |row| row.accuracy),
            ("epoch_top5_accuracy", |row| row.top5_accuracy),
            ("epoch_learning_rate", |_| 1e-3),
            ("epoch_gradient_norm", |row| row.gradient_norm),
            ("epoch_images_per_second", |row| row.images_per_second),
        ])
    );
    let columns: [Column; 3] = [
        ("epoch_loss", |row| row.val_loss),
        ("epoch_accuracy", |row| row.val_accuracy),
        ("epoch_top5_accuracy", |row| row.val_top5_accuracy),
    ];
    assert_eq!(scalars(&validation), expected(&columns));

    let first = records(&train)[0];
    assert_eq!(field(first, 3).unwrap().bytes(), b"brain.Event:2");
    let Some(Field::Double(time)) = field(first, 1) else { panic!() };
    assert!(time > 1.7e9, "{time}");
    let last = *records(&validation).last().unwrap();
    let value = fields(field(last, 5).unwrap().bytes())[0].1.bytes();
    assert_eq!(field(last, 2).unwrap().number(), 3);
    assert_eq!(field(value, 1).unwrap().bytes(), b"confusion_matrix");
    let image = field(value, 4).unwrap().bytes();
    assert_eq!([1, 2, 3].map(|number| field(image, number).unwrap().number()), [200, 300, 3]);
    assert_eq!(field(image, 4).unwrap().bytes(), png);
}

/// Figures of RFC 3720, for the checksum that the other test relies on.
#[test]
fn the_checksum_is_crc_32c() {
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_place_that_takes_no_files_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = TensorBoard::create(file.path()).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains(&file.path().display().to_string()), "{error}");
}

/// What a reader has of a directory: the steps of each tag, with their values.
type Series = BTreeMap<String, Vec<(u64, f32)>>;

/// Events of all files of a directory, as TensorBoard takes them: in order of the files' names, and up to a record that
/// is cut short.
fn events(directory: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let whole = |bytes: &[u8]| {
        let (mut len, mut rest) = (0, bytes);
        while let Some(first) = rest.first_chunk::<8>() {
            let record = 16 + u64::from_le_bytes(*first) as usize;
            let Some(next) = rest.get(record..) else { break };
            (len, rest) = (len + record, next);
        }
        records(&bytes[..len]).into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    files.iter().flat_map(|path| whole(&fs::read(path).unwrap())).collect()
}

fn add(series: &mut Series, event: &[u8], preempts: bool) {
    let step = field(event, 2).map_or(0, Field::number);
    let Some(summary) = field(event, 5) else { return };
    for (_, value) in fields(summary.bytes()) {
        let tag = String::from_utf8(field(value.bytes(), 1).unwrap().bytes().to_vec()).unwrap();
        if let Some(Field::Float(scalar)) = field(value.bytes(), 2) {
            let steps = series.entry(tag).or_default();
            if preempts {
                steps.retain(|(before, _)| *before < step);
            }
            steps.push((step, scalar));
        }
    }
}

/// As TensorBoard's EventAccumulator in Python: a start of a session purges what is at its step and behind.
fn accumulated(directory: &Path) -> Series {
    let mut series = Series::new();
    for event in events(directory) {
        let start = field(&event, 7).is_some_and(|log| field(log.bytes(), 1).map(Field::number) == Some(1));
        if start {
            let step = field(&event, 2).map_or(0, Field::number);
            series.values_mut().for_each(|steps| steps.retain(|(before, _)| *before < step));
        }
        add(&mut series, &event, false);
    }
    series
}

/// As TensorBoard's data server in Rust: a step of a tag replaces those at it and behind.
fn served(directory: &Path) -> Series {
    let mut series = Series::new();
    events(directory).iter().for_each(|event| add(&mut series, event, true));
    series
}

/// Killed twice with epochs done since the last checkpoint, in the middle of a record even, and resumed: TensorBoard
/// shows each epoch once, and all of them.
#[cfg(unix)]
#[test]
fn a_resumed_run_has_each_epoch_once() {
    let place = tempfile::tempdir().unwrap();
    let [out, board, model] = ["out", "board", "model.toml"].map(|name| place.path().join(name));
    let layers = "[[layers]]\ntype = \"max_pooling2d\"\npool_size = 8\n\n[[layers]]\ntype = \"flatten\"\n\n\
                  [[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";
    fs::write(&model, layers).unwrap();
    // The only checkpoints before the end are those of each start.
    let mut command = train(&out, "--limit 64 --epochs 400 --no-report");
    command.arg("--model").arg(&model);
    for kill_in in ["Epoch 4/", "Epoch 3/"] {
        let (mut child, _reader) = spawn_until(command.arg("--tensorboard").arg(&board), kill_in);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut files: Vec<_> = fs::read_dir(board.join("train")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let mut bytes = fs::read(files.last().unwrap()).unwrap();
        bytes.extend([120, 0, 0, 0, 0]);
        fs::write(files.last().unwrap(), bytes).unwrap();
        command = wgrad("train --resume");
        command.arg(&out);
    }
    succeeds(command.args(["--epochs", "6", "--tensorboard"]).arg(&board));
    let history = json(&out.join("history.json"));
    let rows = history["epochs"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let expected = |name: &str| -> Vec<(u64, f32)> {
        rows.iter().map(|row| (row["epoch"].as_u64().unwrap(), row[name].as_f64().unwrap() as f32)).collect()
    };
    for read in [accumulated, served] {
        let (training, validation) = (read(&board.join("train")), read(&board.join("validation")));
        assert_eq!(training["epoch_loss"], expected("loss"));
        assert_eq!(training["epoch_images_per_second"], expected("images_per_second"));
        assert_eq!(validation["epoch_loss"], expected("val_loss"));
        assert_eq!(validation["epoch_accuracy"], expected("val_accuracy"));
    }
}
