//! What differs between two runs.

use serde_json::Value;

use super::RunSpec;

/// A field that differs between two [`RunSpec`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The field's name.
    pub field: String,
    /// Its value in the first, as JSON has it.
    pub before: Value,
    /// Its value in the second.
    pub after: Value,
}

impl RunSpec {
    /// Fields that may change when a run is resumed: its length, and the place of its data, which a checksum compares.
    const MAY_CHANGE: [&str; 2] = ["epochs", "data"];

    /// The fields in which a run that was begun as `self` may not be resumed as `other`.
    ///
    /// # Errors
    /// None is known: every field can be written as JSON.
    pub fn conflicts(&self, other: &Self) -> serde_json::Result<Vec<Difference>> {
        let differences = self.differences(other)?;
        Ok(differences.into_iter().filter(|found| !Self::MAY_CHANGE.contains(&found.field.as_str())).collect())
    }

    /// The fields in which `other` differs.
    ///
    /// # Errors
    /// As [`Self::conflicts`].
    pub fn differences(&self, other: &Self) -> serde_json::Result<Vec<Difference>> {
        // As JSON, so that a field that is added is compared too.
        let (Value::Object(before), Value::Object(mut after)) =
            (serde_json::to_value(self)?, serde_json::to_value(other)?)
        else {
            return Ok(Vec::new());
        };
        let pairs = before.into_iter().map(|(field, before)| {
            let after = after.remove(&field).unwrap_or_default();
            Difference { field, before, after }
        });
        Ok(pairs.filter(|pair| pair.before != pair.after).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_the_bits_may_change() {
        let spec = RunSpec::default();
        let other = RunSpec { epochs: 20, batch_size: 16, freeze: vec!["dense".into()], ..RunSpec::default() };
        let fields = |found: Vec<Difference>| found.into_iter().map(|found| found.field).collect::<Vec<_>>();
        assert_eq!(fields(spec.differences(&other).unwrap()), ["batch_size", "epochs", "freeze"]);
        assert_eq!(fields(spec.conflicts(&other).unwrap()), ["batch_size", "freeze"]);
        assert!(spec.differences(&spec).unwrap().is_empty());
    }
}
