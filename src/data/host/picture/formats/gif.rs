//! GIF.

use std::io::Cursor;

use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::super::source::{Sink, Source};

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
pub fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
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
