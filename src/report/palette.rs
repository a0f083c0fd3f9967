//! Colours and fonts of the plots.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, FontStyle, IntoFont, RGBColor, TextStyle, WHITE};

pub(super) const PAPER: RGBColor = WHITE;
pub(super) const INK: RGBColor = BLACK;
pub(super) const GREY: RGBColor = RGBColor(90, 90, 90);
pub(super) const PALE: RGBColor = RGBColor(222, 222, 222);
pub(super) const BLUE: RGBColor = RGBColor(31, 95, 168);
pub(super) const ORANGE: RGBColor = RGBColor(192, 86, 12);
/// Letters on a dark field. They are not quite white, so that a dark page can give them another colour than the paper.
pub(super) const ON_FIELD: RGBColor = RGBColor(255, 255, 254);

/// The colours that curves take in turn.
pub(super) const SERIES: [RGBColor; 8] = [
    BLUE,
    ORANGE,
    RGBColor(38, 122, 62),
    RGBColor(126, 62, 160),
    RGBColor(178, 34, 80),
    RGBColor(0, 118, 134),
    RGBColor(122, 92, 0),
    RGBColor(100, 100, 120),
];

/// Each colour, and the colour that replaces it on a dark page.
pub(super) const DARK: [(RGBColor, RGBColor); 13] = [
    (PAPER, RGBColor(23, 27, 33)),
    (INK, RGBColor(230, 232, 235)),
    (GREY, RGBColor(165, 172, 180)),
    (PALE, RGBColor(52, 58, 66)),
    (ON_FIELD, RGBColor(10, 14, 20)),
    (BLUE, RGBColor(104, 174, 245)),
    (ORANGE, RGBColor(242, 153, 74)),
    (SERIES[2], RGBColor(98, 196, 126)),
    (SERIES[3], RGBColor(198, 146, 232)),
    (SERIES[4], RGBColor(240, 120, 158)),
    (SERIES[5], RGBColor(72, 196, 212)),
    (SERIES[6], RGBColor(214, 182, 70)),
    (SERIES[7], RGBColor(170, 170, 196)),
];

/// Writes a colour as SVG and CSS do.
pub(super) fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// The style of a text. Plotters draws letters 1.24 times smaller than `size` says.
pub(super) fn text(size: u32, colour: RGBColor, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(h_pos, v_pos))
}

/// The style of a plot's title, whose place is its upper left corner.
pub(super) fn title() -> TextStyle<'static> {
    let font = ("sans-serif", 20).into_font().style(FontStyle::Bold);
    font.color(&INK).pos(Pos::new(HPos::Left, VPos::Top))
}
