//! Image data: sets of images and batches of them, the generated `shapes` set, published sets from disk or network, and
//! directories of pictures.

mod batch;
mod checksum;
pub mod class_map;
mod dataset;
#[cfg(feature = "host")]
mod host;
pub mod sampler;
pub mod shapes;

pub use batch::{Batch, Selection};
pub use checksum::Checksum;
pub use class_map::{ClassMap, ClassNameError};
pub use dataset::{Dataset, Split};
#[cfg(feature = "host")]
pub use host::{
    ArchiveError, Channels, Choice, DataError, DataSpec, Decoder, FolderOptions, ImageSize, LeftOut, Loader, Opened,
    Places, PublishedSet, cifar, decoder, download, error, folder, idx, left_out, listing, loader, open, picture,
    places, published, select,
};
pub use sampler::Sampler;
