//! CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their official binary layout.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::{DataError, Dataset, Split};
use crate::file;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;

/// A set of `[32, 32, 3]` images in files of records: label bytes, then a red, a green and a blue plane.
#[derive(Debug, PartialEq, Eq)]
pub struct Cifar {
    /// What `--dataset` calls it.
    pub name: &'static str,
    /// Its name in print.
    pub title: &'static str,
    /// The environment variable that may name its directory.
    pub variable: &'static str,
    /// Name of the official archive, which lies below <https://www.cs.toronto.edu/~kriz/>.
    pub archive: &'static str,
    /// Length of the archive in bytes.
    pub archive_bytes: u64,
    /// MD5 of the archive, in lower-case hex.
    pub archive_md5: &'static str,
    /// The directory inside the archive.
    pub directory: &'static str,
    /// Files of training images and the number of records in each.
    pub train: &'static [(&'static str, usize)],
    /// Files of test images and the number of records in each.
    pub test: &'static [(&'static str, usize)],
    /// Label bytes of a record, the last of which is the class.
    pub label_bytes: usize,
    /// The classes, in label order.
    pub class_names: &'static [&'static str],
}

/// Ten classes; 50,000 training and 10,000 test images. Names as in the archive's `batches.meta.txt`, MD5 as on
/// <https://www.cs.toronto.edu/~kriz/cifar.html>.
pub const CIFAR10: Cifar = Cifar {
    name: "cifar10",
    title: "CIFAR-10",
    variable: "CIFAR10_DIR",
    archive: "cifar-10-binary.tar.gz",
    archive_bytes: 170_052_171,
    archive_md5: "c32a1d4ab5d03f1284b67883e8d87530",
    directory: "cifar-10-batches-bin",
    train: &[
        ("data_batch_1.bin", 10_000),
        ("data_batch_2.bin", 10_000),
        ("data_batch_3.bin", 10_000),
        ("data_batch_4.bin", 10_000),
        ("data_batch_5.bin", 10_000),
    ],
    test: &[("test_batch.bin", 10_000)],
    label_bytes: 1,
    class_names: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};

/// A hundred classes, the fine ones; 50,000 training and 10,000 test images. Names as in the archive's
/// `fine_label_names.txt`, MD5 as on <https://www.cs.toronto.edu/~kriz/cifar.html>.
pub const CIFAR100: Cifar = Cifar {
    name: "cifar100",
    title: "CIFAR-100",
    variable: "CIFAR100_DIR",
    archive: "cifar-100-binary.tar.gz",
    archive_bytes: 168_513_733,
    archive_md5: "03b5dce01913d631647c71ecec9e9cb8",
    directory: "cifar-100-binary",
    train: &[("train.bin", 50_000)],
    test: &[("test.bin", 10_000)],
    label_bytes: 2,
    #[rustfmt::skip]
    class_names: &[
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
        "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
        "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
        "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
        "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
        "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
        "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
        "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
        "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    ],
};

impl Cifar {
    /// The files, training first, and the length of each in bytes.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let record = self.record_bytes() as u64;
        self.train.iter().chain(self.test).map(move |&(name, records)| (name, records as u64 * record))
    }

    /// Bytes of a record.
    pub fn record_bytes(&self) -> usize {
        self.label_bytes + 3 * PLANE
    }

    /// Reads the files from `dir`, or from the archive's directory inside it.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingDirectory`], [`DataError::MissingFile`], [`DataError::Truncated`],
    /// [`DataError::WrongSize`], [`DataError::BadLabel`] or [`DataError::Read`], each naming the path.
    pub fn load(&'static self, dir: &Path) -> Result<Dataset, DataError> {
        if !dir.is_dir() {
            return Err(DataError::MissingDirectory { path: dir.into(), set: self });
        }
        let inner = dir.join(self.directory);
        let first = self.files().next().map(|(name, _)| dir.join(name));
        let root = if inner.is_dir() && !first.is_some_and(|file| file.exists()) { &inner } else { dir };
        let (train, test) = (self.read_split(root, self.train)?, self.read_split(root, self.test)?);
        Ok(Dataset::new(self.name, &root.display().to_string(), self.class_names.iter().copied(), train, test))
    }

    fn read_split(&'static self, dir: &Path, files: &[(&str, usize)]) -> Result<Split, DataError> {
        let mut opened = Vec::new();
        for &(name, records) in files {
            let path = dir.join(name);
            let file = self.open(&path, (records * self.record_bytes()) as u64)?;
            opened.push((path, file, records));
        }
        // Only now that the files are known to be as long.
        let images = files.iter().map(|(_, records)| records).sum();
        let mut pixels = Vec::with_capacity(images * 3 * PLANE);
        let mut labels = Vec::with_capacity(images);
        let mut bytes = vec![0; self.record_bytes()];
        for (path, mut file, records) in opened {
            for record in 0..records {
                file.read_exact(&mut bytes).map_err(|source| match (source.kind(), file.get_ref().metadata()) {
                    // Cut since it was opened.
                    (io::ErrorKind::UnexpectedEof, Ok(now)) => {
                        let expected = (records * self.record_bytes()) as u64;
                        DataError::Truncated { path: path.clone(), expected, actual: now.len() }
                    }
                    _ => DataError::Read { path: path.clone(), source },
                })?;
                let (label, planes) = bytes.split_at(self.label_bytes);
                let value = label.last().copied().unwrap_or(0);
                if usize::from(value) >= self.class_names.len() {
                    return Err(DataError::BadLabel { path, record, value, set: self });
                }
                labels.push(value.into());
                let (red, rest) = planes.split_at(PLANE);
                let (green, blue) = rest.split_at(PLANE);
                for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
                    pixels.extend_from_slice(&[r, g, b]);
                }
            }
        }
        Ok(Split::new([SIDE, SIDE, 3], pixels, labels))
    }

    /// Opens a file that must have `expected` bytes.
    fn open(&'static self, path: &Path, expected: u64) -> Result<BufReader<File>, DataError> {
        let read_error = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DataError::MissingFile { path: path.into(), set: self },
            _ => DataError::Read { path: path.into(), source },
        };
        let file = file::open(path).map_err(read_error)?;
        match file.metadata().map_err(read_error)?.len() {
            actual if actual < expected => Err(DataError::Truncated { path: path.into(), expected, actual }),
            actual if actual > expected => Err(DataError::WrongSize { path: path.into(), expected, actual, set: self }),
            _ => Ok(BufReader::with_capacity(1 << 16, file)),
        }
    }
}
