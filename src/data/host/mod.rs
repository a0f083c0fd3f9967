//! Data that needs files, threads, the network or the environment.

mod archive_error;
pub mod cifar;
mod contents;
pub mod decoder;
pub mod download;
pub mod error;
pub mod folder;
mod folder_tree;
mod hold_out;
pub mod idx;
pub mod left_out;
pub mod listing;
pub mod loader;
pub mod picture;
pub mod places;
mod progress;
pub mod published;
pub mod select;

use super::checksum::hex;
use super::{Batch, ClassNameError, Dataset, Sampler, Split, shapes};

pub use archive_error::ArchiveError;
pub use decoder::Decoder;
pub use error::DataError;
pub use folder::FolderOptions;
pub use left_out::LeftOut;
pub use loader::Loader;
pub use places::Places;
pub use published::PublishedSet;
pub use select::{Channels, Choice, DataSpec, ImageSize, Opened, open};
