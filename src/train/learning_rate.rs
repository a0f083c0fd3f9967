//! How the learning rate changes during training.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use super::{Epoch, HistoryRow, Monitor};

/// Share of its updates in which a one-cycle schedule rises: PyTorch's default.
const RISING: f64 = 0.3;

/// A one-cycle schedule ends at its first rate divided by this: PyTorch's default.
const FALL: f64 = 1e4;

/// A gain as small as this, in loss or in share, does not end a plateau: Keras's default.
const PLATEAU_GAIN: f64 = 1e-4;

/// How the learning rate of an update follows from the first learning rate.
///
/// Written as `constant`, `step:FACTOR@EPOCHS`, `cosine`, `cosine@WARM-UP EPOCHS`, `one-cycle:MAX` or
/// `plateau:FACTOR@EPOCHS`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LearningRateSchedule {
    /// The first learning rate throughout.
    #[default]
    Constant,
    /// Times `factor` after each `epochs` epochs: PyTorch's `StepLR`.
    Step {
        /// Between 0 and 1.
        factor: f64,
        /// 1 or more.
        epochs: usize,
    },
    /// Half a cosine from the first rate to 0, which the update after the last would have: Keras's `CosineDecay` over
    /// all updates.
    Cosine {
        /// Epochs in which the rate rises to the first one, on a line from 0; the cosine takes the others.
        warm_up: usize,
    },
    /// Rises by half a cosine to `max` in three tenths of the updates, and falls by half a cosine to a ten-thousandth
    /// of the first rate: PyTorch's `OneCycleLR` with `div_factor = max / first` and `cycle_momentum=False`.
    OneCycle {
        /// Above 0.
        max: f64,
    },
    /// Times `factor` after `patience` epochs in which `monitor` gained no more than 1e-4 on its best, and again after
    /// as many: Keras's `ReduceLROnPlateau`.
    Plateau {
        /// Between 0 and 1.
        factor: f64,
        /// 1 or more.
        patience: usize,
        /// The figure that should gain.
        monitor: Monitor,
    },
}

impl LearningRateSchedule {
    /// The rate of the update that follows `step` others of `epoch`. `first` is the first learning rate, and `history`
    /// has all epochs before. The rate depends on nothing else, so that a resumed run has the same rates.
    pub fn rate(&self, first: f64, epoch: &Epoch, step: usize, history: &[HistoryRow]) -> f64 {
        let update = ((epoch.number - 1) * epoch.steps + step) as f64;
        let updates = (epoch.last * epoch.steps) as f64;
        match *self {
            Self::Constant => first,
            Self::Step { factor, epochs } => first * power(factor, (epoch.number - 1) / epochs),
            Self::Cosine { warm_up } => {
                let rising = (warm_up * epoch.steps) as f64;
                if update < rising {
                    first * update / rising
                } else {
                    half_cosine(first, 0.0, (update - rising) / (updates - rising))
                }
            }
            Self::OneCycle { max } => {
                let [top, end] = [RISING * updates - 1.0, updates - 1.0];
                if update <= top {
                    half_cosine(first, max, update / top)
                } else {
                    half_cosine(max, first / FALL, (update - top) / (end - top))
                }
            }
            Self::Plateau { factor, patience, monitor } => first * power(factor, plateaus(history, patience, monitor)),
        }
    }

    /// The same schedule; a plateau is one of `monitor`.
    pub fn watching(self, monitor: Monitor) -> Self {
        match self {
            Self::Plateau { factor, patience, .. } => Self::Plateau { factor, patience, monitor },
            other => other,
        }
    }
}

fn power(factor: f64, times: usize) -> f64 {
    factor.powi(times.try_into().unwrap_or(i32::MAX))
}

/// From `from` to `to` as `share` goes from 0 to 1.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * share).cos())
}

/// How often `patience` epochs have passed without gain.
fn plateaus(history: &[HistoryRow], patience: usize, monitor: Monitor) -> usize {
    let (mut count, mut waited) = (0, 0);
    let mut best: Option<&HistoryRow> = None;
    for row in history {
        if best.is_none_or(|best| monitor.gain(row, best) > PLATEAU_GAIN) {
            best = Some(row);
            waited = 0;
        } else {
            waited += 1;
            if waited >= patience {
                count += 1;
                waited = 0;
            }
        }
    }
    count
}

impl fmt::Display for LearningRateSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Step { factor, epochs } => write!(f, "step:{factor}@{epochs}"),
            Self::Cosine { warm_up: 0 } => f.write_str("cosine"),
            Self::Cosine { warm_up } => write!(f, "cosine@{warm_up}"),
            Self::OneCycle { max } => write!(f, "one-cycle:{max}"),
            Self::Plateau { factor, patience, .. } => write!(f, "plateau:{factor}@{patience}"),
        }
    }
}

impl FromStr for LearningRateSchedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, epochs) = match text.split_once('@') {
            Some((rest, epochs)) => (rest, Some(epochs)),
            None => (text, None),
        };
        let (name, number) = match rest.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (rest, None),
        };
        let epochs = epochs.map(|epochs| match epochs.parse() {
            Ok(epochs) if epochs > 0 => Ok(epochs),
            _ => Err(format!("`{epochs}` is not a number of epochs; give 1 or more after `@`")),
        });
        let below = |most: f64| match number.map(str::parse) {
            Some(Ok(value)) if 0.0 < value && value < most => Ok(value),
            _ if most == 1.0 => Err(format!("`{text}` needs a factor between 0 and 1, as in `{name}:0.5@3`")),
            _ => Err(format!("`{text}` needs a rate above 0, as in `{name}:0.01`")),
        };
        match (name, epochs.transpose()?) {
            ("constant", None) if number.is_none() => Ok(Self::Constant),
            ("step", Some(epochs)) => Ok(Self::Step { factor: below(1.0)?, epochs }),
            ("cosine", warm_up) if number.is_none() => Ok(Self::Cosine { warm_up: warm_up.unwrap_or(0) }),
            ("one-cycle", None) => Ok(Self::OneCycle { max: below(f64::INFINITY)? }),
            ("plateau", Some(patience)) => {
                Ok(Self::Plateau { factor: below(1.0)?, patience, monitor: Monitor::default() })
            }
            _ => Err("give `constant`, `step:FACTOR@EPOCHS`, `cosine`, `cosine@WARM-UP EPOCHS`, `one-cycle:MAX` or \
                      `plateau:FACTOR@EPOCHS`"
                .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates of all updates of `epochs` epochs of `steps`.
    fn rates(schedule: &str, epochs: usize, steps: usize) -> Vec<f64> {
        let schedule: LearningRateSchedule = schedule.parse().unwrap();
        let epochs = (1..=epochs).map(|number| Epoch { number, last: epochs, steps });
        epochs.flat_map(|epoch| (0..steps).map(move |step| schedule.rate(1e-3, &epoch, step, &[]))).collect()
    }

    fn assert_close(what: &str, found: &[f64], expected: &[f64], bound: f64) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() <= bound * e.abs(), "{what}: update {i} has {f}, expected {e}");
        }
    }

    #[test]
    fn constant_and_steps_change_with_epochs_only() {
        assert_eq!(rates("constant", 2, 3), [1e-3; 6]);
        // torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5), stepped after each epoch.
        let expected: Vec<f64> = [1.0, 1.0, 0.5, 0.5, 0.25].iter().flat_map(|share| [share * 1e-3; 2]).collect();
        assert_eq!(rates("step:0.5@2", 5, 2), expected);
    }

    #[test]
    fn cosine_is_keras_s() {
        // keras.optimizers.schedules.CosineDecay(1e-3, 20), in f32.
        let found = rates("cosine", 4, 5);
        assert_close("cosine", &found[..3], &[1.0000000e-3, 9.9384424e-4, 9.7552827e-4], 1e-6);
        assert_close("cosine", &found[10..12], &[4.9999997e-4, 4.2178275e-4], 1e-6);
        assert_close("cosine", &found[18..], &[2.4471761e-5, 6.1558179e-6], 1e-5);
        // CosineDecay(0.0, 15, warmup_target=1e-3, warmup_steps=5).
        let found = rates("cosine@1", 4, 5);
        assert_eq!(found[0], 0.0);
        assert_close("warm-up", &found[1..7], &[2e-4, 4e-4, 6e-4, 8e-4, 1e-3, 9.8907389e-4], 1e-6);
        assert_close("after it", &found[17..], &[9.5491472e-5, 4.3227257e-5, 1.0926187e-5], 1e-5);
    }

    #[test]
    fn one_cycle_is_pytorch_s() {
        // torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=20, div_factor=10, cycle_momentum=False)
        let found = rates("one-cycle:0.01", 4, 5);
        let expected = [1e-3, 1.859423525312735e-3, 4.109423525312736e-3, 6.890576474687262e-3, 9.140576474687263e-3];
        assert_close("rise", &found[..5], &expected, 1e-12);
        assert_close("fall", &found[5..8], &[1e-2, 9.87464081451351e-3, 9.5048492910687e-3], 1e-12);
        assert_close("end", &found[18..], &[1.2545918548649101e-4, 1e-7], 1e-12);
        // The shortest of all: total_steps=2 and 1.
        assert_close("two", &rates("one-cycle:0.01", 1, 2), &[8.117467834803573e-3, 1e-7], 1e-12);
        assert_close("one", &rates("one-cycle:0.01", 1, 1), &[1e-7], 1e-12);
    }

    #[test]
    fn plateaus_are_keras_s() {
        let figures = [2.0, 1.5, 1.49995, 1.6, 1.4, 1.45, 1.42, 1.41, 1.3999, 1.39985, 1.5, 1.2];
        let shares = [0.3, 0.5, 0.50005, 0.4, 0.6, 0.59, 0.6, 0.6001, 0.7, 0.7, 0.7, 0.7];
        let rows = figures.iter().zip(shares).map(|(val_loss, val_accuracy)| HistoryRow {
            val_loss: *val_loss,
            val_accuracy,
            ..HistoryRow::default()
        });
        let rows: Vec<HistoryRow> = rows.collect();
        let schedule: LearningRateSchedule = "plateau:0.5@2".parse().unwrap();
        // keras.callbacks.ReduceLROnPlateau(monitor=..., factor=0.5, patience=2): shares of the first rate.
        for (monitor, expected) in [
            (Monitor::ValLoss, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125]),
            (Monitor::ValAccuracy, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125]),
        ] {
            for (finished, share) in expected.into_iter().enumerate() {
                let epoch = Epoch { number: finished + 1, last: 20, steps: 7 };
                let rate = schedule.watching(monitor).rate(1e-3, &epoch, 3, &rows[..finished]);
                assert_eq!(rate, share * 1e-3, "{monitor} after {finished} epochs");
            }
        }
    }

    #[test]
    fn what_is_printed_is_read_and_what_is_wrong_is_said() {
        for text in ["constant", "step:0.5@10", "cosine", "cosine@3", "one-cycle:0.01", "plateau:0.2@3"] {
            assert_eq!(text.parse::<LearningRateSchedule>().unwrap().to_string(), text);
        }
        let all = ["constant", "step:FACTOR@EPOCHS", "cosine@", "one-cycle:MAX", "plateau:FACTOR@EPOCHS"];
        for text in ["", "cos", "step", "step:0.5", "constant:1", "cosine:3", "one-cycle:0.1@3", "Cosine", "plateau"] {
            let error = text.parse::<LearningRateSchedule>().unwrap_err();
            assert!(all.iter().all(|name| error.contains(name)), "{text}: {error}");
        }
        for (text, words) in [
            ("step:2@3", "between 0 and 1, as in `step:0.5@3`"),
            ("plateau:@3", "between 0 and 1, as in `plateau:0.5@3`"),
            ("step:0.5@0", "`0` is not a number of epochs"),
            ("cosine@-1", "`-1` is not a number of epochs"),
            ("one-cycle", "a rate above 0, as in `one-cycle:0.01`"),
            ("one-cycle:nan", "a rate above 0"),
            ("one-cycle:inf", "a rate above 0"),
        ] {
            let error = text.parse::<LearningRateSchedule>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
