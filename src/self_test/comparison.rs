//! The distance of a result from what it should be.

use serde::{Serialize, Serializer};

/// The error of one kind of result, and the most that it may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// `forward`, `gradient`, `loss`, `update`, or `exact`.
    pub what: &'static str,
    /// The largest error, as a share of the largest expected element; for `exact`, the number of wrong elements. It is NaN
    /// if a result is NaN.
    #[serde(serialize_with = "number_or_words")]
    pub error: f64,
    /// The most that the error may be.
    pub limit: f64,
    /// The found and the expected value of the first element whose error is above the limit.
    pub first_wrong: Option<String>,
}

impl Comparison {
    /// A comparison of nothing so far, with an error of 0.
    pub fn new(what: &'static str, limit: f64) -> Self {
        Self { what, error: 0.0, limit, first_wrong: None }
    }

    /// Compares `found` with `expected` by the largest error, as a share of the largest expected element. Messages call the
    /// result `part`.
    pub fn close(what: &'static str, part: &str, found: &[f32], expected: &[f64], limit: f64) -> Self {
        let mut comparison = Self::new(what, limit);
        if found.len() != expected.len() {
            comparison.add(f64::NAN, || format!("{part}: {} elements, expected {}", found.len(), expected.len()));
        }
        // No sum's magnitude is below its result's, so this is the stricter of the two measures.
        let scale = expected.iter().fold(1e-30_f64, |scale, element| scale.max(element.abs()));
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - expected).abs() / scale;
            comparison.add(error, || format!("{part}: element {i} is {found}, expected {expected}"));
        }
        comparison
    }

    /// A check that allows no error: it counts the messages in `wrong`.
    pub fn exact(wrong: impl IntoIterator<Item = String>) -> Self {
        let mut comparison = Self::new("exact", 0.0);
        for wrong in wrong {
            comparison.error += 1.0;
            comparison.first_wrong.get_or_insert(wrong);
        }
        comparison
    }

    /// Compares `found` with `expected`, which must be equal, as [`Comparison::exact`].
    pub fn same_values(part: &str, found: &[f32], expected: &[f32]) -> Self {
        Self::same(part, found, expected, |found, expected| found == expected)
    }

    /// Compares `found` with `expected`, whose bits must be equal, as [`Comparison::exact`].
    pub fn same_bits(part: &str, found: &[f32], expected: &[f32]) -> Self {
        Self::same(part, found, expected, |found, expected| found.to_bits() == expected.to_bits())
    }

    fn same(part: &str, found: &[f32], expected: &[f32], equal: impl Fn(f32, f32) -> bool) -> Self {
        let (n, wanted) = (found.len(), expected.len());
        let length = (n != wanted).then(|| format!("{part}: {n} elements, expected {wanted}"));
        let elements = (found.iter().zip(expected).enumerate())
            .filter(|(_, (found, expected))| !equal(**found, **expected))
            .map(|(i, (found, expected))| format!("{part}: element {i} is {found:?}, expected {expected:?}"));
        Self::exact(length.into_iter().chain(elements))
    }

    /// Adds an error; `words` describe it in a message.
    pub fn add(&mut self, error: f64, words: impl FnOnce() -> String) {
        if !is_within(error, self.limit) {
            self.first_wrong.get_or_insert_with(words);
        }
        self.error = worse(self.error, error);
    }

    /// Whether the error is within the limit. NaN never is.
    pub fn passed(&self) -> bool {
        is_within(self.error, self.limit)
    }
}

fn is_within(error: f64, limit: f64) -> bool {
    error <= limit
}

/// The larger error. NaN counts as the largest, while `f64::max` would ignore it.
pub(super) fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Writes numbers that are not finite as text, since JSON has no such numbers.
fn number_or_words<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.collect_str(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_never_within_a_limit() {
        for place in 0..3 {
            let mut found = [1.0, 2.0, 3.0];
            found[place] = f32::NAN;
            let comparison = Comparison::close("forward", "y", &found, &[1.0, 2.0, 3.0], 1e9);
            assert!(!comparison.passed() && comparison.error.is_nan());
            assert!(comparison.first_wrong.unwrap().contains(&format!("element {place} is NaN")));
        }
        assert!(!Comparison::close("forward", "y", &[f32::INFINITY], &[1.0], 1e9).passed());
    }

    #[test]
    fn a_missing_element_is_wrong() {
        assert!(!Comparison::close("forward", "y", &[1.0], &[1.0, 2.0], 1e9).passed());
        assert!(!Comparison::same_bits("y", &[1.0], &[1.0, 2.0]).passed());
    }

    #[test]
    fn the_first_element_over_the_limit_is_named() {
        let comparison = Comparison::close("gradient", "dx", &[1.0, 2.1, 4.4], &[1.0, 2.0, 4.0], 0.01);
        assert!((comparison.error - 0.1).abs() < 1e-6);
        assert_eq!(comparison.first_wrong.as_deref(), Some("dx: element 1 is 2.1, expected 2"));
    }

    #[test]
    fn bits_differ_where_values_are_equal() {
        let [found, expected] = [[0.0, f32::NAN, -0.0], [0.0, f32::NAN, 0.0]];
        let comparison = Comparison::same_bits("w", &found, &expected);
        assert_eq!(comparison.first_wrong.as_deref(), Some("w: element 2 is -0.0, expected 0.0"));
        let comparison = Comparison::same_values("w", &found, &expected);
        assert_eq!(comparison.first_wrong.as_deref(), Some("w: element 1 is NaN, expected NaN"));
        assert_eq!(comparison.error, 1.0);
    }
}
