//! The formats of pictures, one file each. Each is decoded to rows of 8-bit pixels.

mod bmp;
mod gif;
mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod tiff;
mod webp;

use super::fault::Fault;
use super::format::Format;
use super::source::Source;

/// Reads the header of a picture, whose format its first bytes tell.
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let convert = |what, with| Err(Fault::Convert { what, with });
    match Format::of(bytes) {
        Some(Format::Png) => png::open(bytes),
        Some(Format::Jpeg) => jpeg::open(bytes),
        Some(Format::Gif) => gif::open(bytes),
        Some(Format::Bmp) => bmp::open(bytes),
        Some(Format::Tiff) => tiff::open(bytes),
        Some(Format::WebP) => webp::open(bytes),
        Some(Format::Avif) => convert("an AVIF picture", "avifdec PICTURE.avif PICTURE.png"),
        Some(Format::Heic) => convert("a HEIC picture", "heif-convert PICTURE.heic PICTURE.jpg"),
        Some(Format::JpegXl) => convert("a JPEG XL picture", "djxl PICTURE.jxl PICTURE.png"),
        Some(Format::Jpeg2000) => convert("a JPEG 2000 picture", "opj_decompress -i PICTURE.jp2 -o PICTURE.png"),
        None if bytes.is_empty() => Err(Fault::EndsEarly),
        None => Err(Fault::NoPicture),
    }
}
