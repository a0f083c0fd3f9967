//! How far a tensor is from frozen figures of it.

use wgrad::model::NamedTensor;

use super::figures::hash;

const PROJECTIONS: usize = 8;

/// The L2 norm of a tensor and eight projections: sums of its elements, each with a sign that a hash draws.
///
/// Let `e` be the difference of two tensors. The difference of their projections is a sum of the elements of `e` with drawn
/// signs, whose mean square is the square of the norm of `e`. So the root of the mean square of eight of them estimates that
/// norm: it is below a quarter of it once in 7,000 tensors, and below a tenth once in ten million. The norms are compared
/// too.
pub type Figure = [f64; 1 + PROJECTIONS];

/// Sums of the values at the same place of each array, with signs that `salt` draws.
fn project(salt: u32, projections: impl Iterator<Item = [f64; PROJECTIONS]>) -> [f64; PROJECTIONS] {
    let mut sums = [0.0; PROJECTIONS];
    for (i, values) in projections.enumerate() {
        let bits = hash(salt, i as u32) >> 24;
        for (k, (sum, value)) in sums.iter_mut().zip(values).enumerate() {
            *sum += if bits >> k & 1 == 1 { -value } else { value };
        }
    }
    sums
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

fn joined(norm: f64, projections: [f64; PROJECTIONS]) -> Figure {
    let mut figure = [norm; 1 + PROJECTIONS];
    figure[1..].copy_from_slice(&projections);
    figure
}

/// The figure of a tensor.
pub fn figure(values: &[f64]) -> Figure {
    joined(norm(values.iter().copied()), project(4000, values.iter().map(|value| [*value; PROJECTIONS])))
}

/// The figure of several tensors together.
pub fn together(tensors: impl Iterator<Item = Vec<f64>>) -> Figure {
    let figures: Vec<Figure> = tensors.map(|values| figure(&values)).collect();
    let projections = figures.iter().map(|figure| std::array::from_fn(|k| figure[1 + k]));
    joined(norm(figures.iter().map(|figure| figure[0])), project(4001, projections))
}

/// The largest deviation of all that was compared, and where it is.
#[derive(Default)]
pub struct Deviation {
    pub largest: f64,
    place: String,
}

impl Deviation {
    pub fn add(&mut self, deviation: f64, place: impl FnOnce() -> String) {
        // A NaN is the largest of all.
        if deviation.is_nan() || deviation > self.largest {
            self.largest = if deviation.is_nan() { f64::INFINITY } else { deviation };
            self.place = place();
        }
    }

    /// Compares a tensor with what it should be. A norm below `zero` counts as `zero`.
    pub fn add_figure(&mut self, name: &str, found: Figure, expected: Figure, zero: f64) {
        let squares = found[1..].iter().zip(&expected[1..]).map(|(found, expected)| (found - expected).powi(2));
        let by_projections = (squares.sum::<f64>() / PROJECTIONS as f64).sqrt();
        let apart = by_projections.max((found[0] - expected[0]).abs());
        self.add(apart / expected[0].max(zero), || format!("{name}, whose norm is {:.3e}", expected[0]));
    }

    /// Prints it, and returns what is wrong where it is above `limit`.
    pub fn failure(&self, what: &str, limit: f64) -> Option<String> {
        let text = format!("{what}: {:.1e} ({})", self.largest, self.place);
        println!("{text}");
        (self.largest > limit).then(|| format!("{text}, above {limit:.0e}"))
    }
}

/// The elements of the tensor `name` minus those that it has in `first`, or minus 0 if it is not there.
pub fn moved(tensors: &[NamedTensor], name: &str, first: &[NamedTensor]) -> Vec<f64> {
    let find = |tensors: &[NamedTensor]| Some(tensors.iter().find(|tensor| tensor.name == name)?.values.clone());
    let values = find(tensors).unwrap_or_else(|| panic!("there is no `{name}`"));
    let first = find(first).unwrap_or_else(|| vec![0.0; values.len()]);
    values.iter().zip(first).map(|(value, first)| f64::from(*value) - f64::from(first)).collect()
}
