//! Data that needs files, threads, the network or the environment.

mod bmp;
pub mod cifar;
pub mod decoder;
pub mod download;
pub mod error;
pub mod folder;
mod hold_out;
pub mod idx;
pub mod left_out;
pub mod listing;
pub mod loader;
mod memory;
mod orientation;
pub mod picture;
mod picture_fault;
mod picture_formats;
pub mod places;
mod progress;
pub mod published;
mod resize;
pub mod select;

use super::dataset::hex;
use super::{Batch, ClassNameError, Dataset, Sampler, Split, shapes};

pub use decoder::Decoder;
pub use error::DataError;
pub use folder::FolderOptions;
pub use left_out::LeftOut;
pub use loader::Loader;
pub use places::Places;
pub use published::PublishedSet;
pub use select::{Channels, Choice, DataSpec, ImageSize, Opened, open};
