//! Numbers of a run that make no sense.

use super::{LearningRateSchedule, RunSpec};

/// A field of a [`RunSpec`] that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct SpecError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it, and what would be right; it follows the name.
    pub problem: String,
}

impl RunSpec {
    /// Makes sure that the numbers make sense.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), SpecError> {
        let wrong = |field, problem: String| Err(SpecError { field, problem });
        let (rate, smoothing, epochs) = (self.learning_rate(), self.label_smoothing, self.epochs);
        if epochs == 0 {
            return wrong("epochs", "is 0; give 1 or more".into());
        }
        if self.batch_size == 0 {
            return wrong("batch_size", "is 0; give 1 or more images".into());
        }
        if self.limit == Some(0) {
            return wrong("limit", "is 0; give 1 or more images, or leave it out to train on all".into());
        }
        if let Some(share) = self.validation_split.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return wrong("validation_split", format!("is {share}; give a number between 0 and 1, such as 0.1"));
        }
        self.check_optimizer()?;
        if !(0.0..1.0).contains(&smoothing) {
            return wrong("label_smoothing", format!("is {smoothing}; give 0 or more and less than 1, such as 0.1"));
        }
        if self.early_stopping == Some(0) {
            return wrong("early_stopping", "is 0; give 1 or more epochs, or leave it out to train all".into());
        }
        match self.lr_schedule {
            LearningRateSchedule::Cosine { warm_up } if warm_up >= epochs => {
                wrong("lr_schedule", format!("warms up for {warm_up} epochs, but the run has {epochs}; give fewer"))
            }
            LearningRateSchedule::OneCycle { max } if max <= rate => wrong(
                "lr_schedule",
                format!("rises to {max}, which is not above its first learning rate {rate}; change one of the two"),
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let check = |change: fn(&mut RunSpec)| {
            let mut spec = RunSpec::default();
            change(&mut spec);
            spec.check().unwrap_err().field
        };
        assert_eq!(RunSpec::default().check(), Ok(()));
        assert_eq!(check(|spec| spec.epochs = 0), "epochs");
        assert_eq!(check(|spec| spec.batch_size = 0), "batch_size");
        assert_eq!(check(|spec| spec.limit = Some(0)), "limit");
        assert_eq!(check(|spec| spec.validation_split = Some(1.0)), "validation_split");
        assert_eq!(check(|spec| spec.learning_rate = Some(f64::NAN)), "learning_rate");
        assert_eq!(check(|spec| spec.weight_decay = Some(-1.0)), "weight_decay");
        assert_eq!(check(|spec| spec.label_smoothing = 1.0), "label_smoothing");
        assert_eq!(check(|spec| spec.early_stopping = Some(0)), "early_stopping");
        assert_eq!(check(|spec| spec.lr_schedule = "cosine@10".parse().unwrap()), "lr_schedule");
    }
}
