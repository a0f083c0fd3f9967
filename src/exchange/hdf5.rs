//! HDF5 files in memory. Reading one takes no more memory than a small multiple of its size.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hdf5_pure::{DType, File, FormatError, Group, Source};

/// How often each byte of a file may be read on average. The files of Keras in the tests need less than 2 times. In a
/// file made to harm, thousands of strings may refer to the same megabytes.
const MOST_READS: u64 = 16;

/// Bytes that may be read from a file of any size.
const ALWAYS: u64 = 1 << 20;

/// A file, and how much may still be read from it.
pub struct Hdf5 {
    file: File,
    /// Bytes of arrays that may still be read. All arrays together can't be longer than the file.
    room: AtomicUsize,
}

/// The bytes of a file. Reading fails after `left` bytes.
struct Bounded {
    bytes: Vec<u8>,
    left: AtomicU64,
}

impl Source for Bounded {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
        let take = |left: u64| left.checked_sub(buf.len() as u64);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(FormatError::Source("its parts refer to the same bytes too often".into()));
        }
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(buf.len())?));
        match range.and_then(|range| self.bytes.get(range)) {
            Some(bytes) => {
                buf.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(FormatError::UnexpectedEof { expected: usize::MAX, available: self.bytes.len() }),
        }
    }
}

/// Words for an error of the library.
fn words(error: hdf5_pure::Error) -> String {
    error.to_string()
}

impl Hdf5 {
    /// The bytes that such a file begins with.
    pub const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

    /// Opens the file in `bytes`.
    ///
    /// # Errors
    /// What is wrong with the file, in words. The other methods fail in the same way.
    pub fn open(bytes: &[u8]) -> Result<Self, String> {
        let left = ALWAYS.saturating_add((bytes.len() as u64).saturating_mul(MOST_READS));
        let source = Bounded { bytes: bytes.to_vec(), left: left.into() };
        let file = File::from_source(source).map_err(words)?;
        Ok(Self { file, room: bytes.len().into() })
    }

    /// The group that holds all others.
    pub fn root(&self) -> Group {
        self.file.root()
    }

    /// Groups in `group`, by name.
    pub fn groups(group: &Group) -> Result<Vec<(String, Group)>, String> {
        Ok(group.iter_groups().map_err(words)?.collect())
    }

    /// The strings of an attribute; `None` where the attribute is missing or holds something else.
    pub fn strings(group: &Group, attribute: &str) -> Result<Option<Vec<String>>, String> {
        let mut attributes = group.attrs().map_err(words)?;
        Ok(attributes.remove(attribute).and_then(|value| value.as_strings().map(<[String]>::to_vec)))
    }

    /// Shape and elements of the array at `path` in `group`.
    pub fn array(&self, group: &Group, path: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let dataset = group.dataset(path).map_err(words)?;
        let kind = dataset.dtype().map_err(words)?;
        if kind != DType::F32 {
            return Err(format!("its elements are {kind}, not float32"));
        }
        if dataset.is_chunked() {
            return Err(
                "it is stored in chunks, but Keras stores arrays whole; load the model in Keras and save it again"
                    .into(),
            );
        }
        let shape: Vec<usize> = dataset.shape().map_err(words)?.iter().map(|size| *size as usize).collect();
        let len = shape.iter().try_fold(4_usize, |len, size| len.checked_mul(*size));
        let take = |room: usize| len.and_then(|len| room.checked_sub(len));
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err("it is longer than the file".into());
        }
        Ok((shape, dataset.read_f32().map_err(words)?))
    }
}
