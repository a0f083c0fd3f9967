//! The optimizers that a run can choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{RunSpec, SpecError};
use crate::optim::{Adam, Decay, Form, Lookahead, Muon, Optimizer, RmsProp, Rule, Sgd};

/// An optimizer by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam.
    #[default]
    Adam,
    /// Adam with a decoupled decay of weights.
    AdamW,
    /// Gradient descent.
    Sgd,
    /// RMSprop.
    RmsProp,
    /// Muon for kernels, Adam for the rest.
    Muon,
}

impl OptimizerKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Adam, Self::AdamW, Self::Sgd, Self::RmsProp, Self::Muon];

    fn name(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
            Self::RmsProp => "rmsprop",
            Self::Muon => "muon",
        }
    }

    /// The learning rate where none is given, as Keras or PyTorch has it.
    fn learning_rate(self, form: Form) -> f64 {
        match (self, form) {
            (Self::Sgd, Form::Keras) => 1e-2,
            _ => 1e-3,
        }
    }

    /// The decay of weights where none is given.
    fn weight_decay(self, form: Form) -> f64 {
        match (self, form) {
            (Self::AdamW | Self::Muon, Form::Keras) => 4e-3,
            (Self::Muon, Form::PyTorch) => 0.1,
            (Self::AdamW, Form::PyTorch) => 1e-2,
            _ => 0.0,
        }
    }
}

impl fmt::Display for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OptimizerKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no optimizer `{name}`; choose one of {names}")
        })
    }
}

impl RunSpec {
    /// The learning rate, which a schedule begins with.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate.unwrap_or_else(|| self.optimizer.learning_rate(self.optimizer_form))
    }

    /// The optimizer with all its settings.
    pub fn optimizer(&self) -> Optimizer {
        let (kind, form, momentum) = (self.optimizer, self.optimizer_form, self.momentum);
        let rule = match kind {
            OptimizerKind::Adam | OptimizerKind::AdamW => Rule::Adam(Adam::of(form)),
            OptimizerKind::Sgd => Rule::Sgd(Sgd { momentum, nesterov: self.nesterov, form }),
            OptimizerKind::RmsProp => {
                Rule::RmsProp(RmsProp { momentum, centered: self.centered, ..RmsProp::default() })
            }
            OptimizerKind::Muon => {
                let default = Muon::default();
                let momentum = if momentum > 0.0 { momentum } else { default.momentum };
                Rule::Muon(Muon { momentum, form, ..default })
            }
        };
        let decay = match form {
            Form::PyTorch if !matches!(kind, OptimizerKind::AdamW | OptimizerKind::Muon) => Decay::L2,
            _ => Decay::Decoupled,
        };
        let weight_decay = self.weight_decay.unwrap_or_else(|| kind.weight_decay(form));
        Optimizer {
            rule,
            learning_rate: self.learning_rate(),
            weight_decay,
            decay,
            clip_norm: self.clip_norm,
            groups: self.group.clone(),
            accumulate: self.accumulate,
            average: self.ema,
            lookahead: self.lookahead.map(|every| Lookahead {
                every,
                alpha: self.lookahead_alpha,
                statistics: self.lookahead_statistics,
            }),
        }
    }

    /// Makes sure that the settings of the optimizer make sense, and that it has them.
    pub(super) fn check_optimizer(&self) -> Result<(), SpecError> {
        let wrong = |field, problem: String| Err(SpecError { field, problem });
        let Optimizer { learning_rate: rate, weight_decay: decay, .. } = self.optimizer();
        let (kind, momentum) = (self.optimizer, self.momentum);
        if !(rate.is_finite() && rate > 0.0) {
            return wrong("learning_rate", format!("is {rate}; give a number above 0, such as 1e-3"));
        }
        if !(decay.is_finite() && decay >= 0.0) {
            return wrong("weight_decay", format!("is {decay}; give 0 or more, such as 4e-3"));
        }
        if !(0.0..1.0).contains(&momentum) {
            return wrong("momentum", format!("is {momentum}; give 0 or more and less than 1, such as 0.9"));
        }
        if momentum > 0.0 && matches!(kind, OptimizerKind::Adam | OptimizerKind::AdamW) {
            return wrong("momentum", format!("is a setting of sgd, rmsprop and muon; {kind} has none"));
        }
        if self.nesterov && kind != OptimizerKind::Sgd {
            return wrong("nesterov", format!("is a setting of sgd; {kind} has none"));
        }
        if self.nesterov && momentum == 0.0 {
            return wrong("nesterov", "needs a momentum, such as 0.9".into());
        }
        if self.centered && kind != OptimizerKind::RmsProp {
            return wrong("centered", format!("is a setting of rmsprop; {kind} has none"));
        }
        if self.optimizer_form == Form::PyTorch && kind == OptimizerKind::RmsProp {
            return wrong("optimizer_form", "is pytorch, which rmsprop does not have; give keras".into());
        }
        if self.accumulate == 0 {
            return wrong("accumulate", "is 0; give 1 or more minibatches".into());
        }
        if let Some(momentum) = self.ema.filter(|momentum| !(0.0..1.0).contains(momentum)) {
            return wrong("ema", format!("is {momentum}; give 0 or more and less than 1, such as 0.99"));
        }
        if self.lookahead == Some(0) {
            return wrong("lookahead", "is 0; give 1 or more updates, such as 5".into());
        }
        if !(0.0..=1.0).contains(&self.lookahead_alpha) {
            return wrong(
                "lookahead_alpha",
                format!("is {}; give a number from 0 to 1, such as 0.5", self.lookahead_alpha),
            );
        }
        if self.lookahead_statistics && self.lookahead.is_none() {
            return wrong("lookahead_statistics", "needs a lookahead, such as 5".into());
        }
        if self.evaluate_average && self.ema.is_none() {
            return wrong("evaluate_average", "needs an average of the weights, such as an ema of 0.99".into());
        }
        match self.clip_norm.filter(|norm| !(norm.is_finite() && *norm > 0.0)) {
            Some(norm) => wrong("clip_norm", format!("is {norm}; give a number above 0, such as 1")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_as_in_keras_or_pytorch() {
        let optimizer = |name: &str, form| {
            let spec = RunSpec { optimizer: name.parse().unwrap(), optimizer_form: form, ..RunSpec::default() };
            assert_eq!(spec.optimizer.to_string(), name);
            spec.check_optimizer().map(|()| spec.optimizer())
        };
        assert_eq!(optimizer("adam", Form::Keras).unwrap(), Optimizer::default());
        let given = |name, form| {
            let Optimizer { learning_rate, weight_decay, decay, .. } = optimizer(name, form).unwrap();
            (learning_rate, weight_decay, decay)
        };
        assert_eq!(given("adamw", Form::Keras), (1e-3, 4e-3, Decay::Decoupled));
        assert_eq!(given("adamw", Form::PyTorch), (1e-3, 1e-2, Decay::Decoupled));
        assert_eq!(given("adam", Form::PyTorch), (1e-3, 0.0, Decay::L2));
        assert_eq!(given("sgd", Form::Keras), (1e-2, 0.0, Decay::Decoupled));
        assert_eq!(given("sgd", Form::PyTorch), (1e-3, 0.0, Decay::L2));
        assert_eq!(given("rmsprop", Form::Keras), (1e-3, 0.0, Decay::Decoupled));
        assert_eq!(given("muon", Form::Keras), (1e-3, 4e-3, Decay::Decoupled));
        assert_eq!(given("muon", Form::PyTorch), (1e-3, 0.1, Decay::Decoupled));
        assert_eq!(optimizer("muon", Form::Keras).unwrap().rule, Rule::Muon(Muon::default()));
        assert_eq!(optimizer("rmsprop", Form::PyTorch).unwrap_err().field, "optimizer_form");
        assert!("lion".parse::<OptimizerKind>().unwrap_err().contains("adam, adamw, sgd, rmsprop, muon"));
    }

    #[test]
    fn settings_that_an_optimizer_does_not_have_are_named() {
        let check = |change: fn(&mut RunSpec)| {
            let mut spec = RunSpec::default();
            change(&mut spec);
            spec.check().unwrap_err().field
        };
        assert_eq!(check(|spec| spec.momentum = 0.9), "momentum");
        assert_eq!(check(|spec| (spec.optimizer, spec.momentum) = (OptimizerKind::Sgd, 1.0)), "momentum");
        assert_eq!(check(|spec| spec.nesterov = true), "nesterov");
        assert_eq!(check(|spec| (spec.optimizer, spec.nesterov) = (OptimizerKind::Sgd, true)), "nesterov");
        assert_eq!(check(|spec| spec.centered = true), "centered");
        assert_eq!(check(|spec| spec.accumulate = 0), "accumulate");
        assert_eq!(check(|spec| spec.ema = Some(1.0)), "ema");
        assert_eq!(check(|spec| spec.lookahead = Some(0)), "lookahead");
        assert_eq!(check(|spec| spec.lookahead_alpha = 1.5), "lookahead_alpha");
        assert_eq!(check(|spec| spec.lookahead_statistics = true), "lookahead_statistics");
        assert_eq!(check(|spec| spec.evaluate_average = true), "evaluate_average");
        assert_eq!(check(|spec| spec.clip_norm = Some(0.0)), "clip_norm");
        assert_eq!(check(|spec| spec.clip_norm = Some(f64::NAN)), "clip_norm");
    }
}
