//! The confusion matrix as a picture.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::palette::{BLUE, GREY, INK, ON_FIELD, ORANGE, PALE, PAPER, text, title};
use super::{ConfusionMatrix, Raster, ReportError};

/// The most cells on a side. With more classes, neighbours share a cell.
pub(super) const MOST_CELLS: usize = 100;
/// The most cells on a side that leave room for a number in each cell.
pub(super) const MOST_NUMBERS: usize = 20;
/// The most letters of a class's name that are shown.
const MOST_LETTERS: usize = 18;
/// Height of a row's name, in pixels.
const LINE: usize = 15;
/// The shares of a class that the scale has a colour for.
const SCALE: [f64; 5] = [0.01, 0.05, 0.2, 0.5, 1.0];

/// Draws `matrix` as an SVG file on white, with a row for each true class and a column for each predicted class. The
/// larger a cell's share of its row, the stronger its colour. The colour is blue if both classes are the same, else orange.
///
/// # Errors
/// [`ReportError::Plot`]
pub fn heat_map(matrix: &ConfusionMatrix, class_names: &[String]) -> Result<String, ReportError> {
    let size = joined_classes(matrix);
    let cells = matrix.joined(size);
    // A shared cell has the name of its first class.
    let names: Vec<String> = (0..cells.classes()).map(|cell| short_name(class_names, cell * size)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let side = if cells.classes() > MOST_NUMBERS { 640 } else { 380 };
    let margin = 34 + 7 * longest as i32;
    let layout = Layout { cells: &cells, names: &names, side, left: margin, top: 44 };
    let (width, height) = (margin + side + 16, layout.top + side + margin + 44);
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
    layout
        .draw(area)
        .map_err(|error| ReportError::Plot { plot: "the confusion matrix".into(), reason: error.to_string() })?;
    Ok(svg)
}

/// Number of classes that share a row of the heat map.
pub(super) fn joined_classes(matrix: &ConfusionMatrix) -> usize {
    matrix.classes().div_ceil(MOST_CELLS).max(1)
}

/// Draws the cells without names and numbers, as a picture about 400 pixels wide.
pub fn heat_picture(matrix: &ConfusionMatrix) -> Raster {
    let cells = matrix.joined(joined_classes(matrix));
    let size = (400 / cells.classes().max(1)).max(1) as u32;
    let side = size * cells.classes() as u32;
    Raster::from_fn(side, side, |x, y| {
        let (row, column) = ((y / size) as usize, (x / size) as usize);
        let RGBColor(red, green, blue) = colour(row, column);
        let strength = strength(cells.count(row, column), cells.support(row));
        [red, green, blue].map(|part| (255.0 - strength * (255.0 - f64::from(part))).round() as u8)
    })
}

/// Strength of a cell's colour, from 0 to 1. Errors are small shares, and the root makes their differences visible.
fn strength(count: u64, row: u64) -> f64 {
    if count == 0 { 0.0 } else { (count as f64 / row as f64).sqrt().max(0.08) }
}

fn colour(row: usize, column: usize) -> RGBColor {
    if row == column { BLUE } else { ORANGE }
}

fn short_name(class_names: &[String], class: usize) -> String {
    let Some(name) = class_names.get(class) else { return class.to_string() };
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.chars().count() <= MOST_LETTERS {
        return name;
    }
    name.chars().take(MOST_LETTERS - 1).chain(['…']).collect()
}

struct Layout<'a> {
    cells: &'a ConfusionMatrix,
    names: &'a [String],
    /// Length of a side of the square of cells, in pixels.
    side: i32,
    left: i32,
    top: i32,
}

impl Layout<'_> {
    /// Distance in pixels of cell `i` of a row from the first one.
    fn start(&self, i: usize) -> i32 {
        (i * self.side as usize / self.names.len().max(1)) as i32
    }

    fn draw(&self, area: DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&PAPER)?;
        area.draw(&Text::new("Confusion matrix", (18, 10), title()))?;
        self.draw_cells(&area)?;
        self.draw_names(&area)?;
        self.draw_scale(&area)?;
        Ok(area.present()?)
    }

    fn draw_cells(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn std::error::Error>> {
        let numbered = self.names.len() <= MOST_NUMBERS;
        let gap = i32::from(numbered);
        let corners = [(self.left - 1, self.top - 1), (self.left + self.side, self.top + self.side)];
        area.draw(&Rectangle::new(corners, PALE))?;
        let most = self.cells.pairs().map(|(.., count)| count).max().unwrap_or(0);
        // The largest letters that fit a cell.
        let width = self.side / self.names.len().max(1) as i32;
        let size = (2 * width / most.to_string().len().max(2) as i32).min(16) as u32;
        for (row, column, count) in self.cells.pairs() {
            let strength = strength(count, self.cells.support(row));
            let [x, y] = [column, row].map(|place| self.start(place));
            let [right, bottom] = [column + 1, row + 1].map(|place| self.start(place) - gap);
            let corners = [(self.left + x, self.top + y), (self.left + right, self.top + bottom)];
            area.draw(&Rectangle::new(corners, colour(row, column).mix((strength * 1e3).round() / 1e3).filled()))?;
            if numbered {
                let ink = if strength > 0.6 { ON_FIELD } else { INK };
                let middle = (self.left + (x + right) / 2, self.top + (y + bottom) / 2);
                area.draw(&Text::new(count.to_string(), middle, text(size, ink, HPos::Center, VPos::Center)))?;
            }
        }
        Ok(())
    }

    fn draw_names(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn std::error::Error>> {
        let bottom = self.top + self.side;
        // Some names are left out if they would overlap.
        let step = (self.names.len() * LINE).div_ceil(self.side as usize).max(1);
        let upright = text(16, INK, HPos::Right, VPos::Center);
        let turned = upright.clone().transform(FontTransform::Rotate270);
        for (i, name) in self.names.iter().enumerate().step_by(step) {
            let middle = (self.start(i) + self.start(i + 1)) / 2;
            area.draw(&Text::new(name.as_str(), (self.left - 6, self.top + middle), upright.clone()))?;
            area.draw(&Text::new(name.as_str(), (self.left + middle, bottom + 6), turned.clone()))?;
        }
        let middle = self.side / 2;
        let axis = text(17, INK, HPos::Center, VPos::Top);
        area.draw(&Text::new("predicted class", (self.left + middle, bottom + self.left - 18), axis.clone()))?;
        let axis = axis.transform(FontTransform::Rotate270);
        area.draw(&Text::new("true class", (8, self.top + middle), axis))?;
        Ok(())
    }

    /// Draws the last line, which explains the colours.
    fn draw_scale(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Box<dyn std::error::Error>> {
        let (_, height) = area.dim_in_pixel();
        let y = height as i32 - 18;
        let right = self.left + self.side;
        let style = text(15, GREY, HPos::Left, VPos::Center);
        let start = right - 62 * SCALE.len() as i32;
        area.draw(&Text::new("share of the class", (start - 8, y), text(15, GREY, HPos::Right, VPos::Center)))?;
        for (i, share) in SCALE.into_iter().enumerate() {
            let x = start + 62 * i as i32;
            for (left, colour) in [(x, BLUE), (x + 11, ORANGE)] {
                let corners = [(left, y - 6), (left + 11, y + 6)];
                area.draw(&Rectangle::new(corners, colour.mix((share.sqrt() * 1e3).round() / 1e3).filled()))?;
            }
            area.draw(&Text::new(format!("{:.0} %", 100.0 * share), (x + 26, y), style.clone()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("<class & {i}>")).collect()
    }

    fn texts<'a>(document: &'a roxmltree::Document<'a>) -> impl Iterator<Item = &'a str> {
        document.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).map(str::trim)
    }

    fn diagonal(classes: usize) -> ConfusionMatrix {
        ConfusionMatrix::new(classes, (0..classes).flat_map(|class| [(class, class), (class, (class + 1) % classes)]))
    }

    #[test]
    fn few_classes_have_names_and_numbers() {
        let svg = heat_map(&diagonal(10), &names(10)).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = texts(&document).collect();
        assert_eq!(texts.iter().filter(|&&text| text == "1").count(), 20);
        for name in names(10) {
            assert_eq!(texts.iter().filter(|&&text| text == name).count(), 2, "{name}");
        }
        assert!(texts.contains(&"predicted class") && texts.contains(&"true class"));
    }

    #[test]
    fn many_classes_are_thinned_out_and_shared() {
        for (classes, cells) in [(100, 200), (101, 51 * 2), (4000, 100 * 2)] {
            let svg = heat_map(&diagonal(classes), &names(classes)).unwrap();
            let document = roxmltree::Document::parse(&svg).unwrap();
            let named = texts(&document).filter(|text| text.contains("class &")).count();
            assert!((40..100).contains(&named), "{classes}: {named}");
            let filled = document.descendants().filter(|node| {
                node.has_tag_name("rect") && ["#1F5FA8", "#C0560C"].contains(&node.attribute("fill").unwrap_or(""))
            });
            assert_eq!(filled.count() - 2 * SCALE.len(), cells, "{classes}");
        }
    }

    #[test]
    fn a_colour_is_full_where_all_of_a_class_is() {
        let matrix = ConfusionMatrix::new(2, [(0, 0), (1, 0), (1, 0), (1, 0), (1, 1)]);
        let picture = heat_picture(&matrix);
        assert_eq!(picture.dimensions(), [400, 400]);
        assert_eq!(picture.pixel(10, 10), [31, 95, 168]);
        assert_eq!(picture.pixel(390, 10), [255, 255, 255]);
        let [wrong, right] = [(10, 390), (390, 390)].map(|(x, y)| picture.pixel(x, y));
        // sqrt(3/4) of orange, sqrt(1/4) of blue.
        assert_eq!((wrong, right), ([200, 109, 45], [143, 175, 212]));
        assert_eq!(heat_picture(&ConfusionMatrix::default()).dimensions(), [0, 0]);
    }

    #[test]
    fn names_are_cut_at_letters() {
        let names = ["ä".repeat(30), "a\u{1}b".into()];
        assert_eq!(short_name(&names, 0), "ä".repeat(17) + "…");
        assert_eq!(short_name(&names, 1), "a b");
        assert_eq!(short_name(&names, 2), "2");
    }
}
