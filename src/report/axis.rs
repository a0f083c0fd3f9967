//! An axis of a plot, and its ticks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

/// The approximate number of labels of an axis.
const TICKS: f64 = 6.0;

/// An axis with ticks at given places.
pub struct Axis {
    pub range: Range<f64>,
    pub ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Plotters asks for light points between the ticks too, of which there are none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// The smallest and the largest of `values`, or 0 and 1 if there are none.
pub fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    if least <= most { (least, most) } else { (0.0, 1.0) }
}

/// The smallest range that starts and ends at whole steps and holds both values.
pub fn outward(least: f64, most: f64) -> Range<f64> {
    if least == most {
        let pad = if least == 0.0 { 1.0 } else { 0.1 * least.abs() };
        return least - pad..most + pad;
    }
    let step = step(most - least);
    // The small tolerance makes 0.3 exactly 3 steps of 0.1.
    (least / step + 1e-9).floor() * step..(most / step - 1e-9).ceil() * step
}

/// 1, 2 or 5 times a power of ten, so that `width` holds about [`TICKS`] of it.
fn step(width: f64) -> f64 {
    let rough = width / TICKS;
    let power = 10f64.powf(rough.log10().floor());
    power * [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= (1.0 - 1e-9) * rough).unwrap_or(10.0)
}

pub fn ticks(range: &Range<f64>) -> Vec<f64> {
    let step = step(range.end - range.start);
    let (first, last) = ((range.start / step - 1e-9).ceil() as i64, (range.end / step + 1e-9).floor() as i64);
    (first..=last).map(|place| place as f64 * step).collect()
}

/// As [`ticks`], but only at whole numbers.
pub fn whole_ticks(first: f64, last: f64) -> Vec<f64> {
    let step = step(last - first).max(1.0).ceil();
    let mut ticks = vec![first];
    // Multiples of the step follow the first tick where they do not come too close to it.
    let start = ((first + 0.5 * step) / step).ceil() as i64;
    ticks.extend((start..=(last / step) as i64).map(|place| place as f64 * step));
    ticks
}

/// Writes a number with as many digits as distinguish it from the number one `step` further.
pub fn label(value: f64, step: f64) -> String {
    let digits = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    // Otherwise a rounded zero could be written as -0.0.
    let value = if value.abs() < 1e-3 * step { 0.0 } else { value };
    match digits {
        0..=3 => format!("{value:.digits$}"),
        _ if value == 0.0 => "0".into(),
        _ => format!("{value:.1e}").replace(".0e", "e"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_the_digits_that_tell_them_apart() {
        for (range, expected) in [
            (0.5..1.0, vec!["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]),
            (0.0..1800.0, vec!["0", "500", "1000", "1500"]),
            (0.0..0.001, vec!["0", "2e-4", "4e-4", "6e-4", "8e-4", "1e-3"]),
            (0.0..0.0012, vec!["0", "2e-4", "4e-4", "6e-4", "8e-4", "1e-3", "1.2e-3"]),
            (-0.2..0.2, vec!["-0.2", "-0.1", "0.0", "0.1", "0.2"]),
        ] {
            let places = ticks(&range);
            let labels: Vec<String> = places.iter().map(|&place| label(place, places[1] - places[0])).collect();
            assert_eq!(labels, expected, "{range:?}");
        }
    }

    #[test]
    fn epochs_are_whole_and_start_at_the_first() {
        assert_eq!(whole_ticks(1.0, 1.0), [1.0]);
        assert_eq!(whole_ticks(1.0, 3.0), [1.0, 2.0, 3.0]);
        assert_eq!(whole_ticks(1.0, 10.0), [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        for last in [4, 7, 25, 100, 1000] {
            let ticks = whole_ticks(1.0, f64::from(last));
            assert!(ticks.len() <= 11 && ticks.iter().all(|tick| tick.fract() == 0.0), "{ticks:?}");
        }
    }
}
