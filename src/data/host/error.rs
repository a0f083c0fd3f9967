//! What can go wrong between asking for a data set and holding its pixels.

use std::{io, path::PathBuf};

use super::archive_error::ArchiveError;
use super::left_out::but;
use super::{ClassNameError, LeftOut, PublishedSet};

/// A data set could not be found, fetched or read.
///
/// Every message is one line: what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The directory of a published set does not exist, or is not a directory.
    #[error("there is no directory {}: create it, and put the files of {} into it", path.display(), set.title)]
    MissingDirectory {
        /// The directory looked for.
        path: PathBuf,
        /// The set looked for.
        set: &'static PublishedSet,
    },
    /// A file of a published set does not exist.
    #[error(
        "there is no file {}: put all files of {}, or {}, into the directory",
        path.display(), set.title, set.archive_names()
    )]
    MissingFile {
        /// The file looked for.
        path: PathBuf,
        /// The set looked for.
        set: &'static PublishedSet,
    },
    /// A file is shorter than its format says.
    #[error(
        "{} is truncated: it has {actual} of {expected} bytes; delete it, and copy or download it again",
        path.display()
    )]
    Truncated {
        /// The file read.
        path: PathBuf,
        /// Bytes a whole file has.
        expected: u64,
        /// Bytes it has.
        actual: u64,
    },
    /// A file is longer than its format says.
    #[error(
        "{} has {actual} bytes instead of {expected}, so it is not a file of {}; download the set's files again ({})",
        path.display(), set.title, set.archive_names()
    )]
    WrongSize {
        /// The file read.
        path: PathBuf,
        /// Bytes a whole file has.
        expected: u64,
        /// Bytes it has.
        actual: u64,
        /// The set it should be of.
        set: &'static PublishedSet,
    },
    /// A file of the right length does not begin as its format says.
    #[error(
        "{} does not begin as an IDX file of {shape} bytes does, so it is damaged or not a file of {}; delete it, and download it again",
        path.display(), set.title
    )]
    WrongHeader {
        /// The file read.
        path: PathBuf,
        /// Sizes of the array that it should hold.
        shape: String,
        /// The set it should be of.
        set: &'static PublishedSet,
    },
    /// A label is not that of a class of the set.
    #[error(
        "record {record} of {} has the label {value}, which is above {}, so the file is damaged or not one of {}; delete it, and download it again",
        path.display(), set.class_names.len() - 1, set.title
    )]
    BadLabel {
        /// The file read.
        path: PathBuf,
        /// The record, counted from 0.
        record: usize,
        /// The label found.
        value: u8,
        /// The set it should be of.
        set: &'static PublishedSet,
    },
    /// A file could not be read.
    #[error("{} cannot be read: {source}; check that it exists, and that you may read it", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory could not be written.
    #[error("{} cannot be written: {source}; check its permissions, and the free space of its disk", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive of a published set.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The set is in none of the usual places, and could not be downloaded.
    #[error("{} was not found ({looked}), and could not be downloaded: {reason}", set.title)]
    NotFound {
        /// The set looked for.
        set: &'static PublishedSet,
        /// The places that were searched, and what was there.
        looked: String,
        /// Why the download, whose address it names, failed.
        #[source]
        reason: Box<DataError>,
    },
    /// The system names no cache directory for this user.
    #[error(
        "the system names no cache directory to which {} could be downloaded; set HOME, or set {} to a directory",
        set.title, set.variable
    )]
    NoCacheDirectory {
        /// The set to download.
        set: &'static PublishedSet,
    },
    /// A picture can't be decoded, or would take too much memory.
    #[error("{} cannot be read: {reason}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory of pictures does not exist (or is not a directory).
    #[error("there is no directory {}; name one that has a directory of pictures for each class", path.display())]
    NoFolder {
        /// The directory looked for.
        path: PathBuf,
    },
    /// A directory holds no pictures that are read.
    #[error("{} holds no pictures{}; put pictures into it, or remove it", path.display(), but(left_out))]
    NoPictures {
        /// The directory.
        path: PathBuf,
        /// What it holds instead.
        left_out: LeftOut,
    },
    /// Something was left out, and that is not allowed.
    #[error("{} has more than can be read; left out: {left_out}", path.display())]
    LeftOut {
        /// The data set's directory.
        path: PathBuf,
        /// What was left out.
        left_out: LeftOut,
    },
    /// A directory does not hold two to 65,536 directories of pictures.
    #[error(
        "{} has {found} directories of classes, but a data set has 2 to 65536 classes; give each class a directory of pictures, and name it after the class",
        path.display()
    )]
    ClassCount {
        /// The directory.
        path: PathBuf,
        /// Directories found.
        found: usize,
    },
    /// Every picture of a class in training, or of the test split, is broken.
    #[error("none of the {what} can be decoded: {first}")]
    AllBroken {
        /// Which pictures.
        what: String,
        /// What is wrong with the first.
        first: String,
    },
    /// A class of test or validation pictures that no training picture has.
    #[error(
        "{} is a class without training pictures in {}; add some, or remove the class",
        path.display(), train.display()
    )]
    UnknownClass {
        /// The directory of the class.
        path: PathBuf,
        /// The directory of all training pictures.
        train: PathBuf,
    },
    /// No class has enough pictures for one of them to be for testing.
    #[error(
        "{} gives no test pictures{}: every fifth picture of a class is for testing, but no class has five; add pictures, or sort them into directories `train` and `test`",
        path.display(), but(left_out)
    )]
    NoTestPictures {
        /// The data set's directory.
        path: PathBuf,
        /// What was left out of its classes.
        left_out: LeftOut,
    },
    /// There is a directory for training, and none for testing or validation.
    #[error(
        "{} has no test pictures; add a directory `test` or `val` beside `train`, with a directory for each class",
        path.display()
    )]
    NoTestDirectory {
        /// The data set's directory.
        path: PathBuf,
    },
    /// There is a directory for testing or validation, and none for training.
    #[error(
        "{} has no training pictures; add a directory `train` beside {}, with a directory for each class",
        path.display(), found.display()
    )]
    NoTrainPictures {
        /// The data set's directory.
        path: PathBuf,
        /// The directory of another split.
        found: PathBuf,
    },
    /// Two directories of the same split.
    #[error("{} and {} are names of the same split; put their pictures into one directory", first.display(), second.display())]
    SameSplit {
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Pictures of a size that memory can't hold.
    #[error(
        "{pictures} pictures of {} x {} pixels take {bytes} bytes, which is more memory than there is; use a smaller size",
        size[0], size[1]
    )]
    Memory {
        /// Pictures.
        pictures: usize,
        /// Height and width of each.
        size: [usize; 2],
        /// Bytes of all.
        bytes: u128,
    },
    /// An image size for a set whose images have another one.
    #[error("the images of {name} have {} x {} pixels, and cannot be given {asked}", size[0], size[1])]
    FixedSize {
        /// The size asked for.
        asked: super::ImageSize,
        /// The set.
        name: String,
        /// Height and width of its images.
        size: [usize; 2],
    },
    /// Channels for a set whose images have others.
    #[error("the images of {name} have {channels} channels, and cannot be given {asked}")]
    FixedChannels {
        /// The channels asked for.
        asked: usize,
        /// The set.
        name: String,
        /// Channels of its images.
        channels: usize,
    },
    /// A share of validation images that is none.
    #[error("the share of validation images is {0}; give a number between 0 and 1, such as 0.1")]
    BadShare(f64),
    /// Validation images were asked for where there are some.
    #[error("{origin} has validation images of its own, so none can be drawn from its training images")]
    HasValidation {
        /// Where the set comes from.
        origin: String,
    },
    /// A class that gives no validation image without losing all its training images.
    #[error(
        "class `{class}` has 1 training image, and a validation split needs 2 of each class; add pictures, use more of the \
         training images, or leave the validation split out"
    )]
    TooFewToHoldOut {
        /// The class.
        class: String,
    },
    /// Class names that are not those of the network.
    #[error(transparent)]
    ClassNames(#[from] ClassNameError),
    /// A batch was asked for that the split cannot give.
    #[error(
        "batches of {batch_size} cannot be made from {len} images in an order that names image {index}; pass a batch size of 1 or more, and an order within the split"
    )]
    BadOrder {
        /// Images per batch.
        batch_size: usize,
        /// Images in the split.
        len: usize,
        /// The largest index in the order.
        index: u32,
    },
    /// A thread that gathers batches or decodes pictures could not be started.
    #[error("the system gives no thread to load data with: {0}; end other programs, and try again")]
    Thread(#[source] io::Error),
}
