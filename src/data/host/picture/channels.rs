//! Conversion between grey, colours and alpha.

/// Converts pixels of `from` channels to pixels of `to` channels, and appends them to `out`. 1 channel is grey, 2 are grey
/// and alpha, 3 are colours, 4 are colours and alpha.
pub fn convert(row: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let over_white = |value: u8, alpha: u8| {
        let [value, alpha] = [value, alpha].map(u32::from);
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    // The luma of ITU-R BT.601, in the integers of Pillow, which Keras uses.
    let luma = |[r, g, b]: [u8; 3]| {
        let [r, g, b] = [r, g, b].map(u32::from);
        ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
    };
    let pixels = row.chunks_exact(from);
    match (from, to) {
        (2, 1) => out.extend(pixels.map(|pixel| over_white(pixel[0], pixel[1]))),
        (2, 4) => out.extend(pixels.flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])),
        (3, 1) => out.extend(pixels.map(|pixel| luma([pixel[0], pixel[1], pixel[2]]))),
        (4, 1) => out.extend(pixels.map(|pixel| luma([0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3]))))),
        (4, 3) => out.extend(pixels.flat_map(|pixel| [0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3])))),
        _ => out.extend_from_slice(row),
    }
}
