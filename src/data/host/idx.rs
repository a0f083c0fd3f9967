//! MNIST (LeCun, Cortes and Burges, 1998) and Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) in their official IDX files.
//!
//! An IDX file begins with two zeros, the type of its elements (8 for bytes), the number of its dimensions, and each
//! dimension as a big-endian integer of 32 bits: <https://yann.lecun.com/exdb/mnist/>. Lengths and MD5 of the archives
//! are those of torchvision's `mnist.py` and of the sets' own pages.

use std::{borrow::Cow, io::Read, path::Path};

use super::{
    DataError, Split,
    published::{Archive, Format, PublishedSet, read_error},
};

const SIDE: usize = 28;
const IMAGE: usize = SIDE * SIDE;

/// Files of images `[n, 28, 28]`, and of their labels `[n]`.
#[derive(Debug, PartialEq, Eq)]
pub struct IdxFiles {
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
}

/// Names of the images and the labels of training, then of those for testing.
const NAMES: [[&str; 2]; 2] =
    [["train-images-idx3-ubyte", "train-labels-idx1-ubyte"], ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]];

const fn archive(name: &'static str, url: &'static str, bytes: u64, md5: &'static str) -> Archive {
    Archive { name, url: Cow::Borrowed(url), bytes, md5: Cow::Borrowed(md5) }
}

/// Handwritten digits in grey, ten classes; 60,000 training and 10,000 test images.
pub const MNIST: PublishedSet = PublishedSet {
    name: "mnist",
    title: "MNIST",
    variable: "MNIST_DIR",
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    directory: None,
    archives: &[
        archive(
            "train-images-idx3-ubyte.gz",
            "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
            9_912_422,
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        archive(
            "train-labels-idx1-ubyte.gz",
            "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
            28_881,
            "d53e105ee54ea40749a09fcbcd1e9432",
        ),
        archive(
            "t10k-images-idx3-ubyte.gz",
            "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
            1_648_877,
            "9fb629c4189551a2d022fa330f9573f3",
        ),
        archive(
            "t10k-labels-idx1-ubyte.gz",
            "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
            4_542,
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ],
    format: Format::Idx(IdxFiles { train: 60_000, test: 10_000 }),
};

/// Articles of clothing in grey, ten classes; 60,000 training and 10,000 test images.
pub const FASHION_MNIST: PublishedSet = PublishedSet {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    variable: "FASHION_MNIST_DIR",
    class_names: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    directory: None,
    archives: &[
        archive(
            "train-images-idx3-ubyte.gz",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
            26_421_880,
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        archive(
            "train-labels-idx1-ubyte.gz",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
            29_515,
            "25c81989df183df01b3e8a0aad5dffbe",
        ),
        archive(
            "t10k-images-idx3-ubyte.gz",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
            4_422_102,
            "bef4ecab320f06d8554ea6380940ec79",
        ),
        archive(
            "t10k-labels-idx1-ubyte.gz",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
            5_148,
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ],
    format: Format::Idx(IdxFiles { train: 60_000, test: 10_000 }),
};

impl IdxFiles {
    /// The number of images in each split, and its files.
    fn splits(&self) -> [(usize, [&'static str; 2]); 2] {
        [(self.train, NAMES[0]), (self.test, NAMES[1])]
    }

    pub(super) fn lengths(&self) -> Vec<(&'static str, u64)> {
        let lengths = |(images, [pixels, labels]): (usize, [&'static str; 2])| {
            [(pixels, (header(&[images, SIDE, SIDE]).len() + images * IMAGE) as u64)]
                .into_iter()
                .chain([(labels, (header(&[images]).len() + images) as u64)])
        };
        self.splits().into_iter().flat_map(lengths).collect()
    }

    pub(super) fn read(&self, set: &'static PublishedSet, dir: &Path) -> Result<[Split; 2], DataError> {
        let read = |(images, [pixels, labels]): (usize, [&str; 2])| {
            let pixels = elements(set, &dir.join(pixels), &[images, SIDE, SIDE])?;
            let path = dir.join(labels);
            let labels = elements(set, &path, &[images])?;
            if let Some(record) = labels.iter().position(|&label| usize::from(label) >= set.class_names.len()) {
                return Err(DataError::BadLabel { path, record, value: labels[record], set });
            }
            Ok(Split::new([SIDE, SIDE, 1], pixels, labels.into_iter().map(u16::from).collect()))
        };
        let [train, test] = self.splits().map(read);
        Ok([train?, test?])
    }
}

/// The header of an IDX file that holds bytes in an array of `shape`.
fn header(shape: &[usize]) -> Vec<u8> {
    let mut header = vec![0, 0, 8, shape.len() as u8];
    header.extend(shape.iter().flat_map(|&size| (size as u32).to_be_bytes()));
    header
}

/// The elements of the IDX file at `path`, which must hold bytes in an array of `shape`.
fn elements(set: &'static PublishedSet, path: &Path, shape: &[usize]) -> Result<Vec<u8>, DataError> {
    let wanted = header(shape);
    let count = shape.iter().product::<usize>();
    let expected = (wanted.len() + count) as u64;
    let mut file = set.open(path, expected)?;
    let mut found = vec![0; wanted.len()];
    // Memory is taken only now that the file is known to have its length.
    let mut elements = vec![0; count];
    file.read_exact(&mut found)
        .and_then(|()| file.read_exact(&mut elements))
        .map_err(|source| read_error(path, &file, expected, source))?;
    if found != wanted {
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
        return Err(DataError::WrongHeader { path: path.into(), shape, set });
    }
    Ok(elements)
}
