//! CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their official binary layout.

use std::{borrow::Cow, io::Read, path::Path};

use super::{
    DataError, Split,
    published::{Archive, Format, PublishedSet, read_error},
};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;

/// Files of records: label bytes, then the red, the green and the blue plane of a `[32, 32, 3]` image.
#[derive(Debug, PartialEq, Eq)]
pub struct CifarFiles {
    /// Files of training images and the number of records in each.
    pub train: &'static [(&'static str, usize)],
    /// Files of test images and the number of records in each.
    pub test: &'static [(&'static str, usize)],
    /// Label bytes of a record, the last of which is the class.
    pub label_bytes: usize,
}

/// Ten classes; 50,000 training and 10,000 test images. Names as in the archive's `batches.meta.txt`, MD5 as on
/// <https://www.cs.toronto.edu/~kriz/cifar.html>.
pub const CIFAR10: PublishedSet = PublishedSet {
    name: "cifar10",
    title: "CIFAR-10",
    variable: "CIFAR10_DIR",
    directory: Some("cifar-10-batches-bin"),
    archives: &[Archive {
        name: "cifar-10-binary.tar.gz",
        url: Cow::Borrowed("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"),
        bytes: 170_052_171,
        md5: Cow::Borrowed("c32a1d4ab5d03f1284b67883e8d87530"),
    }],
    format: Format::Cifar(CifarFiles {
        train: &[
            ("data_batch_1.bin", 10_000),
            ("data_batch_2.bin", 10_000),
            ("data_batch_3.bin", 10_000),
            ("data_batch_4.bin", 10_000),
            ("data_batch_5.bin", 10_000),
        ],
        test: &[("test_batch.bin", 10_000)],
        label_bytes: 1,
    }),
    class_names: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
};

/// A hundred classes, the fine ones; 50,000 training and 10,000 test images. Names as in the archive's
/// `fine_label_names.txt`, MD5 as on <https://www.cs.toronto.edu/~kriz/cifar.html>.
pub const CIFAR100: PublishedSet = PublishedSet {
    name: "cifar100",
    title: "CIFAR-100",
    variable: "CIFAR100_DIR",
    directory: Some("cifar-100-binary"),
    archives: &[Archive {
        name: "cifar-100-binary.tar.gz",
        url: Cow::Borrowed("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"),
        bytes: 168_513_733,
        md5: Cow::Borrowed("03b5dce01913d631647c71ecec9e9cb8"),
    }],
    format: Format::Cifar(CifarFiles {
        train: &[("train.bin", 50_000)],
        test: &[("test.bin", 10_000)],
        label_bytes: 2,
    }),
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

impl CifarFiles {
    /// Bytes of a record.
    pub fn record_bytes(&self) -> usize {
        self.label_bytes + 3 * PLANE
    }

    pub(super) fn lengths(&self) -> Vec<(&'static str, u64)> {
        let bytes = |&(name, records): &(&'static str, usize)| (name, (records * self.record_bytes()) as u64);
        self.train.iter().chain(self.test).map(bytes).collect()
    }

    pub(super) fn read(&self, set: &'static PublishedSet, dir: &Path) -> Result<[Split; 2], DataError> {
        Ok([self.read_split(set, dir, self.train)?, self.read_split(set, dir, self.test)?])
    }

    fn read_split(&self, set: &'static PublishedSet, dir: &Path, files: &[(&str, usize)]) -> Result<Split, DataError> {
        let mut opened = Vec::new();
        for &(name, records) in files {
            let path = dir.join(name);
            let expected = (records * self.record_bytes()) as u64;
            opened.push((set.open(&path, expected)?, path, records, expected));
        }
        // Memory is taken only now that the files are known to have their lengths.
        let images = files.iter().map(|(_, records)| records).sum();
        let mut pixels = Vec::with_capacity(images * 3 * PLANE);
        let mut labels = Vec::with_capacity(images);
        let mut bytes = vec![0; self.record_bytes()];
        for (mut file, path, records, expected) in opened {
            for record in 0..records {
                file.read_exact(&mut bytes).map_err(|source| read_error(&path, &file, expected, source))?;
                let (label, planes) = bytes.split_at(self.label_bytes);
                let value = label.last().copied().unwrap_or(0);
                if usize::from(value) >= set.class_names.len() {
                    return Err(DataError::BadLabel { path, record, value, set });
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
}
