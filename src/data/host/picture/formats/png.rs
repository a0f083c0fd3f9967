//! PNG.

use std::io::Cursor;

use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::super::source::{Sink, Source, eight_bits};

impl From<png::DecodingError> for Fault {
    fn from(error: png::DecodingError) -> Self {
        match error {
            png::DecodingError::IoError(error) => error.into(),
            png::DecodingError::LimitsExceeded => Self::Damaged("a part of it is too long"),
            // The library does not tell kinds of errors apart in its types, and its texts have names of its code.
            error => {
                let words = [
                    ("CRC", "a checksum is wrong"),
                    ("IDAT or f", "a part of its pixels is missing"),
                    ("Corrupt deflate", "its pixels can't be unpacked"),
                ];
                let text = error.to_string();
                let known = words.iter().find(|(start, _)| text.starts_with(start));
                Self::Damaged(known.map_or("it breaks the rules of PNG", |(_, what)| what))
            }
        }
    }
}

/// Reads the header of a PNG.
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: 64 << 20 });
    decoder.set_transformations(png::Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info()?;
    let info = reader.info();
    let [height, width] = [info.height, info.width].map(|side| side as usize);
    let orientation = info.exif_metadata.as_ref().map_or(Orientation::UPRIGHT, |exif| Orientation::of_exif(exif));
    let is_interlaced = info.interlaced;
    let (colour, depth) = reader.output_color_type();
    let channels = colour.samples();
    let is_deep = depth == png::BitDepth::Sixteen;
    let stride = width * channels;
    let rows = move |_: usize, sink: Sink| {
        let mut narrow = Vec::new();
        let mut whole = if is_interlaced { vec![0; height * stride] } else { Vec::new() };
        while let Some(row) = reader.next_interlaced_row()? {
            let mut values = row.data();
            if is_deep {
                eight_bits(values, u16::from_be_bytes, &mut narrow);
                values = &narrow;
            }
            match row.interlace() {
                png::InterlaceInfo::Adam7(info) => {
                    png::expand_interlaced_row(&mut whole, stride, values, info, 8 * channels as u8);
                }
                png::InterlaceInfo::Null(_) => sink(values)?,
            }
        }
        whole.chunks_exact(stride).try_for_each(sink)
    };
    let held = if is_interlaced { height * stride } else { 0 };
    let memory = (1 << 20) + 24 * width as u64 + held as u64;
    Ok(Source { size: [height, width], channels, orientation, memory, reduces: false, rows: Box::new(rows) })
}
