//! The checksum of a data set.

use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};

use super::Split;

/// SHA-256 over the training pixels and labels, then the test pixels and labels, then those of a validation set that the
/// data came with. A label is one byte, or two, the lower one first, where there are more than 256 classes.
///
/// It is computed when it is first asked for, and keeps the images until then.
#[derive(Clone, Debug)]
pub struct Checksum(Arc<LazyLock<String, Compute>>);

type Compute = Box<dyn FnOnce() -> String + Send>;

impl Checksum {
    /// The checksum of a set with these images and so many classes.
    pub(super) fn of(splits: Vec<Arc<Split>>, classes: usize) -> Self {
        let width = if classes <= 256 { 1 } else { 2 };
        let compute = move || {
            let mut sha = Sha256::new();
            for split in splits {
                sha.update(split.pixels());
                let labels = split.labels().iter().flat_map(|label| label.to_le_bytes().into_iter().take(width));
                sha.update(labels.collect::<Vec<u8>>());
            }
            hex(&sha.finalize())
        };
        Self(Arc::new(LazyLock::new(Box::new(compute))))
    }

    /// The checksum in hex.
    pub fn get(&self) -> &str {
        &self.0
    }
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
