//! The formats of pictures. Each is decoded to rows of 8-bit pixels.

use std::io::Cursor;

use super::bmp;
use super::orientation::Orientation;
use super::picture_fault::Fault;
use crate::jpeg::Jpeg;

/// Takes the rows of a picture, from the top down.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Fault>;

/// Decodes a picture at its size divided by a number, which is 1 unless [`Source::reduces`], and passes on its rows.
pub(super) type Rows<'a> = Box<dyn FnOnce(usize, Sink) -> Result<(), Fault> + 'a>;

/// A picture whose header was read.
pub(super) struct Source<'a> {
    /// The size `[h, w]` before the picture is turned.
    pub size: [usize; 2],
    /// How many channels the rows have: 1 is grey, 2 are grey and alpha, 3 are red, green and blue, 4 have alpha too.
    pub channels: usize,
    pub orientation: Orientation,
    /// The number of bytes that decoding takes at most, besides the file.
    pub memory: u64,
    /// Whether `rows` can decode at a half, a quarter and an eighth of the size.
    pub reduces: bool,
    pub rows: Rows<'a>,
}

/// The format of a file, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Gif,
    Bmp,
    Tiff,
    WebP,
    Avif,
    Heic,
    JpegXl,
    Jpeg2000,
}

impl Format {
    /// The format of a file that begins with `start`, of which 16 bytes are enough.
    pub fn of(start: &[u8]) -> Option<Self> {
        // ISO/IEC 14496-12: the first box names the brand. ISO/IEC 23008-12 and AV1's specification have the names.
        let brand = if start.get(4..8) == Some(b"ftyp") { start.get(8..12) } else { None };
        Some(match (start, brand) {
            ([0x89, b'P', b'N', b'G', ..], _) => Self::Png,
            ([0xff, 0xd8, 0xff, ..], _) => Self::Jpeg,
            ([b'G', b'I', b'F', b'8', ..], _) => Self::Gif,
            ([b'B', b'M', ..], _) => Self::Bmp,
            ([b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..], _) => Self::Tiff,
            ([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..], _) => Self::WebP,
            (_, Some(b"avif" | b"avis")) => Self::Avif,
            (
                _,
                Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"mif1" | b"msf1"),
            ) => Self::Heic,
            ([0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..], _) => Self::JpegXl,
            ([0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..], _) => Self::Jpeg2000,
            _ => return None,
        })
    }
}

impl<'a> Source<'a> {
    /// Reads the header of a picture, whose format its first bytes tell.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let convert = |what, with| Err(Fault::Convert { what, with });
        match Format::of(bytes) {
            Some(Format::Png) => png(bytes),
            Some(Format::Jpeg) => jpeg(bytes),
            Some(Format::Gif) => gif(bytes),
            Some(Format::Bmp) => bmp::open(bytes),
            Some(Format::Tiff) => tiff(bytes),
            Some(Format::WebP) => webp(bytes),
            Some(Format::Avif) => convert("an AVIF picture", "avifdec PICTURE.avif PICTURE.png"),
            Some(Format::Heic) => convert("a HEIC picture", "heif-convert PICTURE.heic PICTURE.jpg"),
            Some(Format::JpegXl) => convert("a JPEG XL picture", "djxl PICTURE.jxl PICTURE.png"),
            Some(Format::Jpeg2000) => convert("a JPEG 2000 picture", "opj_decompress -i PICTURE.jp2 -o PICTURE.png"),
            None if bytes.is_empty() => Err(Fault::EndsEarly),
            None => Err(Fault::NoPicture),
        }
    }
}

/// Rounds values of 16 bits, whose bytes `read` puts together, to 8 bits.
fn eight_bits(values: &[u8], read: fn([u8; 2]) -> u16, to: &mut Vec<u8>) {
    to.clear();
    to.extend(values.chunks_exact(2).map(|pair| ((u32::from(read([pair[0], pair[1]])) + 128) / 257) as u8));
}

fn jpeg(bytes: &[u8]) -> Result<Source<'_>, Fault> {
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

fn png(bytes: &[u8]) -> Result<Source<'_>, Fault> {
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

impl From<gif::DecodingError> for Fault {
    fn from(error: gif::DecodingError) -> Self {
        match error {
            gif::DecodingError::UnexpectedEof => Self::EndsEarly,
            gif::DecodingError::Io(error) => error.into(),
            _ => Self::Damaged("it breaks the rules of GIF"),
        }
    }
}

/// Reads the header of the first picture of a GIF.
fn gif(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let mut options = gif::DecodeOptions::new();
    options.check_frame_consistency(true);
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(Cursor::new(bytes))?;
    let [height, width] = [decoder.height(), decoder.width()].map(usize::from);
    let Some(frame) = decoder.next_frame_info()? else { return Err(Fault::Damaged("it has no picture")) };
    let [top, left, h, w] = [frame.top, frame.left, frame.height, frame.width].map(usize::from);
    let transparent = frame.transparent;
    let palette = frame.palette.clone().or_else(|| decoder.global_palette().map(<[u8]>::to_vec));
    let Some(palette) = palette else { return Err(Fault::Damaged("it has no palette")) };
    let is_opaque = transparent.is_none() && [top, left, h, w] == [0, 0, height, width];
    let channels = if is_opaque { 3 } else { 4 };
    let rows = move |_: usize, sink: Sink| {
        let mut indices = vec![0; decoder.buffer_size()];
        decoder.read_into_buffer(&mut indices)?;
        let mut row = vec![0; width * channels];
        for y in 0..height {
            row.fill(0);
            if (top..top + h).contains(&y) {
                let line = &indices[(y - top) * w..][..w];
                for (to, &index) in row[left * channels..].chunks_exact_mut(channels).zip(line) {
                    let colour = palette.get(3 * usize::from(index)..).and_then(|rest| rest.get(..3));
                    // Browsers show a colour that is not in the palette as black.
                    to[..3].copy_from_slice(colour.unwrap_or(&[0; 3]));
                    if let Some(alpha) = to.get_mut(3) {
                        *alpha = if transparent == Some(index) { 0 } else { 255 };
                    }
                }
            }
            sink(&row)?;
        }
        Ok(())
    };
    let memory = (h * w + 8 * width + (1 << 20)) as u64;
    let orientation = Orientation::UPRIGHT;
    Ok(Source { size: [height, width], channels, orientation, memory, reduces: false, rows: Box::new(rows) })
}

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
fn webp(bytes: &[u8]) -> Result<Source<'_>, Fault> {
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
fn tiff(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    use tiff::{ColorType, decoder::Decoder, decoder::Limits, tags::Tag};

    let mut limits = Limits::default();
    limits.decoding_buffer_size = super::picture::MOST_MEMORY as usize;
    limits.intermediate_buffer_size = super::picture::MOST_MEMORY as usize;
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};

    /// A picture of noise in all channels.
    fn picture(width: u32, height: u32) -> DynamicImage {
        let mut state = width;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        };
        let pixels = (0..width * height * 4).map(|_| random()).collect();
        DynamicImage::ImageRgba16(image::ImageBuffer::from_raw(width, height, pixels).unwrap())
    }

    fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// All pixels, and the number of channels.
    fn decode(bytes: &[u8]) -> Result<(Vec<u8>, usize), Fault> {
        let source = Source::open(bytes)?;
        let channels = source.channels;
        let mut pixels = Vec::new();
        (source.rows)(1, &mut |row| {
            pixels.extend_from_slice(row);
            Ok(())
        })?;
        Ok((pixels, channels))
    }

    /// The pixels must be those that the `image` library decodes.
    fn compare(bytes: &[u8], what: &str) {
        let (found, channels) = decode(bytes).unwrap_or_else(|fault| panic!("{what}: {fault}"));
        let expected = image::load_from_memory(bytes).unwrap();
        let expected = match channels {
            1 => expected.into_luma8().into_raw(),
            2 => expected.into_luma_alpha8().into_raw(),
            3 => expected.into_rgb8().into_raw(),
            _ => expected.into_rgba8().into_raw(),
        };
        assert!(found == expected, "{what}");
    }

    #[test]
    fn pixels_are_those_of_another_library() {
        for (width, height) in [(1, 1), (7, 5), (33, 40)] {
            let deep = picture(width, height);
            let pictures = [
                DynamicImage::from(deep.to_rgb8()),
                deep.to_rgba8().into(),
                deep.to_luma8().into(),
                deep.to_luma_alpha8().into(),
                deep.to_rgb16().into(),
                deep.to_luma16().into(),
                deep,
            ];
            for (i, picture) in pictures.iter().enumerate() {
                for format in
                    [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP]
                {
                    let takes = match format {
                        ImageFormat::Png => true,
                        ImageFormat::Bmp => i < 3,
                        ImageFormat::Gif | ImageFormat::WebP => i < 2,
                        // The encoder of TIFF has no grey with alpha.
                        _ => i != 3,
                    };
                    if takes {
                        compare(&encode(picture, format), &format!("{width} x {height}, {i}, {format:?}"));
                    }
                }
            }
        }
    }

    #[test]
    fn a_tiff_may_have_multiplied_its_colours_with_alpha() {
        let pixels = [200, 100, 0, 255, 100, 50, 0, 128, 0, 0, 0, 0];
        for (alpha, expected) in [(2, pixels), (1, [200, 100, 0, 255, 199, 100, 0, 128, 0, 0, 0, 0])] {
            // Tags and their values, of which all are one number but the depths: those are behind the directory.
            let tags: [(u16, u32); 10] = [
                (256, 3),
                (257, 1),
                (258, 8 + 2 + 10 * 12 + 4),
                (259, 1),
                (262, 2),
                (273, 8 + 2 + 10 * 12 + 4 + 8),
                (277, 4),
                (278, 1),
                (279, 12),
                (338, alpha),
            ];
            let mut tiff = b"II*\0\x08\0\0\0\x0a\0".to_vec();
            for (tag, value) in tags {
                let count: u32 = if tag == 258 { 4 } else { 1 };
                tiff.extend(
                    tag.to_le_bytes().into_iter().chain([3, 0]).chain(count.to_le_bytes()).chain(value.to_le_bytes()),
                );
            }
            tiff.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0]);
            tiff.extend(pixels);
            assert_eq!(decode(&tiff), Ok((expected.to_vec(), 4)));
        }
    }

    #[test]
    fn lossy_webp() {
        compare(include_bytes!("../../../tests/fixtures/lossy.webp"), "without alpha");
        compare(include_bytes!("../../../tests/fixtures/lossy_alpha.webp"), "with alpha");
    }

    /// A PNG of any colour type and depth, interlaced or not.
    fn small_png(colour: png::ColorType, depth: png::BitDepth, is_interlaced: bool) -> Vec<u8> {
        let (width, height) = (13, 11);
        let bits = colour.samples() * depth as usize;
        let row = |passed: usize, columns: usize| -> Vec<u8> {
            let bytes = (columns * bits).div_ceil(8);
            [0].into_iter().chain((0..bytes).map(|i| (i * 37 + passed * 101) as u8)).collect()
        };
        // The first row and column of each pass, and its steps (PNG, 8.2).
        let passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)];
        let mut rows = Vec::new();
        if is_interlaced {
            for (y, x, down, right) in passes {
                (y..height).step_by(down).for_each(|y| rows.extend(row(y, (x..width).step_by(right).count())));
            }
        } else {
            (0..height).for_each(|y| rows.extend(row(y, width)));
        }
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut zlib, &rows).unwrap();
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let header =
            [0, 0, 0, width as u8, 0, 0, 0, height as u8, depth as u8, colour as u8, 0, 0, is_interlaced.into()];
        let palette: Vec<u8> = (0..3 * 256).map(|i| (i * 7) as u8).collect();
        let mut chunks = vec![(b"IHDR", header.to_vec()), (b"IDAT", zlib.finish().unwrap()), (b"IEND", Vec::new())];
        if colour == png::ColorType::Indexed {
            chunks.insert(1, (b"PLTE", palette[..3 << depth as usize].to_vec()));
            chunks.insert(2, (b"tRNS", vec![0, 128, 255]));
        }
        for (kind, data) in chunks {
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(&data);
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(kind);
            bytes.extend(data);
            bytes.extend(crc.sum().to_be_bytes());
        }
        bytes
    }

    #[test]
    fn pngs_of_all_depths_interlaced_or_not() {
        use png::{BitDepth::*, ColorType::*};

        let wide = [Grayscale, GrayscaleAlpha, Rgb, Rgba].map(|colour| [(colour, Eight), (colour, Sixteen)]);
        let narrow = [One, Two, Four].map(|depth| [(Grayscale, depth), (Indexed, depth)]);
        let all = wide.into_iter().chain(narrow).flatten().chain([(Indexed, Eight)]);
        for (colour, depth) in all {
            for is_interlaced in [false, true] {
                compare(&small_png(colour, depth, is_interlaced), &format!("{colour:?}, {depth:?}, {is_interlaced}"));
            }
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let picture = DynamicImage::from(picture(40, 30).to_rgb8());
        let lossy = include_bytes!("../../../tests/fixtures/lossy.webp").to_vec();
        // The last bytes of a GIF only mark the ends of its pixels and of the file.
        for (format, rest) in [
            (ImageFormat::Gif, 4),
            (ImageFormat::Bmp, 0),
            (ImageFormat::Tiff, 0),
            (ImageFormat::WebP, 0),
            (ImageFormat::Avif, 0),
        ] {
            let whole = if format == ImageFormat::Avif { lossy.clone() } else { encode(&picture, format) };
            assert!(decode(&whole).is_ok());
            for len in (0..whole.len() - rest).rev().step_by(1 + whole.len() / 200) {
                let cut = decode(&whole[..len]).map(|(pixels, _)| pixels.len());
                assert!(cut.is_err(), "{format:?}: {len} of {} bytes", whole.len());
            }
        }
    }

    #[test]
    fn other_formats_are_told_by_their_contents() {
        for (bytes, words) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], ["HEIC", "heif-convert"]),
            (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", ["AVIF", "avifdec"]),
            (b"\xff\x0a\xff\xff\xff\xff", ["JPEG XL", "djxl"]),
            (b"\0\0\0\x0cjP  \r\n\x87\n", ["JPEG 2000", "opj_decompress"]),
            (
                b"<html>",
                ["not those of a PNG, JPEG, GIF, BMP, TIFF or WebP picture", "save it again as a usual PNG or JPEG"],
            ),
        ] {
            let message = decode(bytes).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }
}
