//! JPEG.

use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::super::source::Source;
use crate::jpeg::{self, Jpeg};

impl From<jpeg::Fault> for Fault {
    fn from(fault: jpeg::Fault) -> Self {
        match fault {
            jpeg::Fault::EndsEarly => Self::EndsEarly,
            jpeg::Fault::Damaged(what) => Self::Damaged(what),
            jpeg::Fault::Unsupported(what) => Self::Unsupported(what),
        }
    }
}

/// Reads the header of a JPEG.
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let jpeg = Jpeg::new(bytes)?;
    Ok(Source {
        size: jpeg.size,
        channels: jpeg.channels(),
        orientation: jpeg.exif.map_or(Orientation::UPRIGHT, Orientation::of_exif),
        memory: jpeg.memory(),
        reduces: true,
        rows: Box::new(|reduction, sink| jpeg.decode(reduction, sink)),
    })
}
