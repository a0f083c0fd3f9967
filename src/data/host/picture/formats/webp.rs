//! WebP.

use std::io::Cursor;

use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::super::source::{Sink, Source};

impl From<image_webp::DecodingError> for Fault {
    fn from(error: image_webp::DecodingError) -> Self {
        match error {
            image_webp::DecodingError::IoError(error) => error.into(),
            image_webp::DecodingError::UnsupportedFeature(_) => Self::Unsupported("a WebP picture of a rare kind"),
            _ => Self::Damaged("it breaks the rules of WebP"),
        }
    }
}

/// Reads the header of a WebP, or of its first picture if it is animated.
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    // The library would fill with zeros what is missing from a file that was cut.
    let len = bytes.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |&len| u32::from_le_bytes(len) as usize);
    if bytes.len() - 8 < len {
        return Err(Fault::EndsEarly);
    }
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes))?;
    decoder.set_memory_limit(bytes.len());
    let size = <[u32; 2]>::from(decoder.dimensions()).map(|side| side as usize);
    let [width, height] = size;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let exif = decoder.exif_metadata()?.unwrap_or_default();
    let orientation = Orientation::of_exif(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif));
    // Tenths of a byte for each pixel: those of the result, and those that the library allocates besides.
    let tenths = match (decoder.is_animated(), decoder.is_lossy(), channels) {
        (true, _, _) => 190,
        (_, true, 3) => 50,
        (_, true, _) => 110,
        (_, false, 3) => 75,
        (_, false, _) => 45,
    };
    let rows = move |_: usize, sink: Sink| {
        let mut pixels = vec![0; height * width * channels];
        decoder.read_image(&mut pixels)?;
        pixels.chunks_exact(width * channels).try_for_each(sink)
    };
    let memory = (1 << 20) + (height * width) as u64 * tenths / 10;
    Ok(Source { size: [height, width], channels, orientation, memory, reduces: false, rows: Box::new(rows) })
}
