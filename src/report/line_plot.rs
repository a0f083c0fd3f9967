//! Draws curves over a common axis as SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::ReportError;
use super::axis::{Axis, extent, label, outward, ticks, whole_ticks};
use super::palette::{GREY, INK, PALE, PAPER, SERIES, text, title};

const WIDTH: u32 = 430;
const HEIGHT: u32 = 310;
/// Left end of the legend's lines, and their height, in pixels.
const LEGEND: [i32; 2] = [18, 22];
/// The most points of a curve that are drawn with dots.
const MOST_DOTS: usize = 40;

/// A curve of a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its points from left to right; points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether it is dashed and without dots, which is for figures to compare with.
    pub dashed: bool,
}

impl Curve {
    /// A curve with dots.
    pub fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect(), dashed: false }
    }

    /// A dashed line at `y` from `x.start` to `x.end`.
    pub fn level(name: &str, x: Range<f64>, y: f64) -> Self {
        Self { name: name.into(), points: vec![(x.start, y), (x.end, y)], dashed: true }
    }

    fn finite(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite())
    }
}

/// Curves by epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct LinePlot {
    /// Its title.
    pub title: String,
    /// Name of the vertical axis, with its unit.
    pub y_name: String,
    /// The smallest range that the vertical axis shows; the range grows to hold every point.
    pub y_range: Option<Range<f64>>,
    /// The curves, which take the colours in turn.
    pub curves: Vec<Curve>,
}

impl LinePlot {
    /// The range of the vertical axis, which holds `y_range` and every point.
    pub fn y_extent(&self) -> Range<f64> {
        let values = || self.curves.iter().flat_map(Curve::finite).map(|(_, y)| y);
        let (least, most) = extent(values());
        match &self.y_range {
            None => outward(least, most),
            Some(range) => {
                // An end of the range that holds all points stays exactly as it was asked for.
                let start = if least < range.start { outward(least, range.end).start } else { range.start };
                let end = if most > range.end { outward(range.start, most).end } else { range.end };
                start..end
            }
        }
    }

    /// Draws the plot as an SVG file, on white.
    ///
    /// # Errors
    /// [`ReportError::Plot`]
    pub fn to_svg(&self) -> Result<String, ReportError> {
        let mut svg = String::new();
        let legend = self.legend();
        let lines = legend.last().map_or(1, |&(line, ..)| line + 1);
        let top = 34 + LEGEND[1] * lines;
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT + (LEGEND[1] * (lines - 1)) as u32));
        self.draw(root.into_drawing_area(), &legend, top)
            .map_err(|error| ReportError::Plot { plot: self.title.clone(), reason: error.to_string() })?;
        Ok(svg)
    }

    /// The line, the left end and the text of each name in the legend.
    fn legend(&self) -> Vec<(i32, i32, &str)> {
        let mut places = Vec::new();
        let (mut line, mut x) = (0, LEGEND[0]);
        for curve in &self.curves {
            // This is a generous width of letters, because there is no font to measure.
            let width = 44 + 8 * curve.name.chars().count() as i32;
            if x > LEGEND[0] && x + width > WIDTH as i32 {
                (line, x) = (line + 1, LEGEND[0]);
            }
            places.push((line, x, curve.name.as_str()));
            x += width;
        }
        places
    }

    fn draw(
        &self,
        area: DrawingArea<SVGBackend<'_>, Shift>,
        legend: &[(i32, i32, &str)],
        top: i32,
    ) -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&PAPER)?;
        area.draw(&Text::new(self.title.as_str(), (LEGEND[0], 10), title()))?;
        for (&(line, x, name), (curve, colour)) in legend.iter().zip(self.curves.iter().zip(colours())) {
            let y = 42 + LEGEND[1] * line;
            if curve.dashed {
                area.draw(&PathElement::new([(x, y), (x + 8, y)], colour.stroke_width(2)))?;
                area.draw(&PathElement::new([(x + 12, y), (x + 20, y)], colour.stroke_width(2)))?;
            } else {
                area.draw(&PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)))?;
                area.draw(&Circle::new((x + 10, y), 3, colour.filled()))?;
            }
            area.draw(&Text::new(name, (x + 26, y), text(17, INK, HPos::Left, VPos::Center)))?;
        }

        let y = self.y_extent();
        let (first, last) = extent(self.curves.iter().flat_map(Curve::finite).map(|(x, _)| x));
        let pad = if first < last { 0.03 * (last - first) } else { 0.5 };
        let (_, area) = area.split_vertically(top);
        let x_ticks = whole_ticks(first, last);
        let y_ticks = ticks(&y);
        let step = if y_ticks.len() > 1 { y_ticks[1] - y_ticks[0] } else { 1.0 };
        // There must be room for the longest label and, beside it, for the axis's name.
        let letters = y_ticks.iter().map(|&tick| label(tick, step).len()).max().unwrap_or(0);
        let mut chart = ChartBuilder::on(&area)
            .margin_left(4)
            .margin_right(14)
            .margin_top(6)
            .x_label_area_size(48)
            .y_label_area_size(34 + 8 * letters as u32)
            .build_cartesian_2d(
                Axis { range: first - pad..last + pad, ticks: x_ticks },
                Axis { range: y, ticks: y_ticks },
            )?;
        (chart.configure_mesh().disable_x_mesh().light_line_style(TRANSPARENT).bold_line_style(PALE).axis_style(GREY))
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| label(*y, step))
            .x_desc("epoch")
            .y_desc(self.y_name.as_str())
            .label_style(("sans-serif", 16, &INK))
            .axis_desc_style(("sans-serif", 17, &INK))
            .draw()?;
        for (curve, colour) in self.curves.iter().zip(colours()) {
            let points: Vec<(f64, f64)> = curve.finite().collect();
            if curve.dashed {
                chart.draw_series(DashedLineSeries::new(points, 8, 4, colour.stroke_width(2)))?;
                continue;
            }
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            if points.len() <= MOST_DOTS {
                chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled())))?;
            }
        }
        Ok(area.present()?)
    }
}

fn colours() -> impl Iterator<Item = RGBColor> {
    SERIES.into_iter().cycle()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[f64], y_range: Option<Range<f64>>) -> LinePlot {
        let points = (1..).map(f64::from).zip(values.iter().copied());
        LinePlot { title: "a < b".into(), y_name: "y".into(), y_range, curves: vec![Curve::new("one & two", points)] }
    }

    #[test]
    fn the_axis_is_kept_where_it_holds_all_points_and_grows_where_it_does_not() {
        assert_eq!(plot(&[0.6, 0.7], Some(0.5..1.0)).y_extent(), 0.5..1.0);
        let grown = plot(&[0.43, 0.7], Some(0.5..1.0)).y_extent();
        assert!((grown.start - 0.4).abs() < 1e-9 && grown.end == 1.0, "{grown:?}");
        let free = plot(&[0.58, 1.49], None).y_extent();
        assert!((free.start - 0.4).abs() < 1e-9 && (free.end - 1.6).abs() < 1e-9, "{free:?}");
    }

    #[test]
    fn any_curve_gives_a_well_formed_file() {
        let values: [&[f64]; 6] =
            [&[], &[0.3], &[0.0, 0.0], &[f64::NAN, 1.0, f64::INFINITY], &[1e-30, 2e-30], &[-1e30, 1e30]];
        for values in values {
            let svg = plot(values, None).to_svg().unwrap();
            let document = roxmltree::Document::parse(&svg).unwrap();
            let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
            for expected in ["a < b", "one & two", "epoch", "y"] {
                assert!(texts.contains(&expected), "{values:?}: {texts:?}");
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
    }

    #[test]
    fn a_long_legend_goes_on_in_the_next_line() {
        let mut plot = plot(&[1.0, 2.0], None);
        plot.curves = (0..9).map(|i| Curve::new(&format!("run number {i}"), [(1.0, f64::from(i))])).collect();
        let places = plot.legend();
        assert!(places.iter().all(|(_, x, name)| x + 26 + 8 * name.len() as i32 <= WIDTH as i32), "{places:?}");
        assert!(places.windows(2).all(|pair| pair[0].0 < pair[1].0 || pair[0].1 < pair[1].1), "{places:?}");
        assert_eq!(places[8].0, 4);
    }
}
