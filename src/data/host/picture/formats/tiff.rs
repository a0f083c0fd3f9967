//! TIFF.

use std::io::Cursor;

use super::super::fault::Fault;
use super::super::limits::MOST_MEMORY;
use super::super::orientation::Orientation;
use super::super::source::{Sink, Source, eight_bits};

impl From<tiff::TiffError> for Fault {
    fn from(error: tiff::TiffError) -> Self {
        match error {
            tiff::TiffError::IoError(error) => error.into(),
            tiff::TiffError::UnsupportedError(_) => Self::Unsupported("a TIFF of a rare kind"),
            _ => Self::Damaged("it breaks the rules of TIFF"),
        }
    }
}

/// Divides the colours of a pixel by its alpha, the last channel.
fn divide_by_alpha(pixel: &mut [u8]) {
    let Some((&mut alpha, colours)) = pixel.split_last_mut() else { return };
    let alpha = u32::from(alpha.max(1));
    for value in colours {
        *value = ((u32::from(*value) * 255 + alpha / 2) / alpha).min(255) as u8;
    }
}

/// Reads the header of the first picture of a TIFF.
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    use tiff::{ColorType, decoder::Decoder, decoder::Limits, tags::Tag};

    let mut limits = Limits::default();
    limits.decoding_buffer_size = MOST_MEMORY as usize;
    limits.intermediate_buffer_size = MOST_MEMORY as usize;
    limits.ifd_value_size = bytes.len().max(1 << 10);
    let mut decoder = Decoder::new(Cursor::new(bytes))?.with_limits(limits);
    let (width, height) = decoder.dimensions()?;
    let [height, width] = [height, width].map(|side| side as usize);
    let mut number = |tag: Tag| decoder.find_tag_unsigned::<u16>(tag).ok().flatten();
    let orientation = Orientation::numbered(number(Tag::Orientation).unwrap_or(1));
    match (number(Tag::PhotometricInterpretation), number(Tag::Compression)) {
        (Some(3), _) => return Err(Fault::Unsupported("a TIFF with a palette")),
        (_, Some(6 | 7)) => return Err(Fault::Unsupported("a TIFF with JPEG's compression")),
        (_, Some(2..=4)) => return Err(Fault::Unsupported("a TIFF with the compression of faxes")),
        _ => {}
    }
    // Colours that were multiplied with their alpha have the number 1.
    let is_multiplied = number(Tag::ExtraSamples) == Some(1);
    let (channels, depth, is_ink) = match decoder.colortype()? {
        ColorType::Gray(depth) => (1, depth, false),
        ColorType::GrayA(depth) | ColorType::Multiband { bit_depth: depth, num_samples: 2 } => (2, depth, false),
        ColorType::RGB(depth) => (3, depth, false),
        ColorType::RGBA(depth) => (4, depth, false),
        ColorType::CMYK(depth) => (4, depth, true),
        _ => return Err(Fault::Unsupported("a TIFF of other colours than grey, RGB and CMYK")),
    };
    let depth = usize::from(depth);
    let layout = decoder.image_buffer_layout()?;
    let is_usual = layout.sample_format == tiff::tags::SampleFormat::Uint && layout.planes == 1;
    if !is_usual || !(matches!(depth, 8 | 16) || matches!((channels, depth), (1, 1 | 2 | 4))) {
        return Err(Fault::Unsupported(
            "a TIFF of other values than unsigned ones of 1 to 16 bits, or of several planes",
        ));
    }
    let stride = (width * channels * depth).div_ceil(8);
    let rows = move |_: usize, sink: Sink| {
        let mut pixels = vec![0; layout.len];
        decoder.read_image_bytes(&mut pixels)?;
        let (mut values, mut colours) = (Vec::new(), Vec::new());
        for row in pixels.chunks_exact(stride) {
            match depth {
                8 => values.splice(.., row.iter().copied()).for_each(drop),
                16 => eight_bits(row, u16::from_ne_bytes, &mut values),
                _ => {
                    let most = (1 << depth) - 1;
                    values.clear();
                    values.extend((0..width).map(|x| {
                        let bit = x * depth;
                        (row[bit / 8] >> (8 - depth - bit % 8) & most) * (255 / most)
                    }));
                }
            }
            if !is_ink {
                if is_multiplied && matches!(channels, 2 | 4) {
                    values.chunks_exact_mut(channels).for_each(divide_by_alpha);
                }
                sink(&values)?;
                continue;
            }
            colours.clear();
            for pixel in values.chunks_exact(4) {
                let white = |ink: u8| 255 - u32::from(ink);
                colours.extend([0, 1, 2].map(|ink| ((white(pixel[ink]) * white(pixel[3]) + 127) / 255) as u8));
            }
            sink(&colours)?;
        }
        Ok(())
    };
    // The library unpacks strips and tiles, which may be as large as the picture.
    let memory = (1 << 20) + (height as u64) * (stride as u64) * 2;
    let channels = if is_ink { 3 } else { channels };
    Ok(Source { size: [height, width], channels, orientation, memory, reduces: false, rows: Box::new(rows) })
}
