//! Plots of one run's curves, and of several runs together.

use super::line_plot::{Curve, LinePlot};
use crate::train::HistoryRow;

/// The axis of accuracy starts here unless a value is lower. It ends at 1.
pub const LEAST_ACCURACY: f64 = 0.5;

/// Plots the accuracy of training and of validation by epoch.
pub fn accuracy_plot(rows: &[HistoryRow]) -> LinePlot {
    LinePlot {
        title: "Accuracy".into(),
        y_name: "accuracy".into(),
        y_range: Some(LEAST_ACCURACY..1.0),
        curves: vec![
            by_epoch("training", rows, |row| row.accuracy),
            by_epoch("validation", rows, |row| row.val_accuracy),
        ],
    }
}

/// Plots the loss of training and of validation by epoch.
pub fn loss_plot(rows: &[HistoryRow]) -> LinePlot {
    LinePlot {
        title: "Loss".into(),
        y_name: "cross-entropy".into(),
        y_range: None,
        curves: vec![by_epoch("training", rows, |row| row.loss), by_epoch("validation", rows, |row| row.val_loss)],
    }
}

/// Plots by epoch the share of the images whose class was among the five most probable ones, in training and in
/// validation.
pub fn top5_plot(rows: &[HistoryRow]) -> LinePlot {
    LinePlot {
        title: "Top-5 accuracy".into(),
        y_name: "accuracy".into(),
        y_range: Some(LEAST_ACCURACY..1.0),
        curves: vec![
            by_epoch("training", rows, |row| row.top5_accuracy),
            by_epoch("validation", rows, |row| row.val_top5_accuracy),
        ],
    }
}

/// Plots the learning rate at the end of each epoch.
pub fn learning_rate_plot(rows: &[HistoryRow]) -> LinePlot {
    from_zero("Learning rate", "step size", by_epoch("at the end of the epoch", rows, |row| row.learning_rate))
}

/// Plots the norm of the gradient by epoch.
pub fn gradient_norm_plot(rows: &[HistoryRow]) -> LinePlot {
    from_zero("Norm of the gradient", "L2 norm", by_epoch("all parameters", rows, |row| row.gradient_norm))
}

/// Plots the training images per second by epoch.
pub fn throughput_plot(rows: &[HistoryRow]) -> LinePlot {
    from_zero("Throughput", "images/s", by_epoch("training, without evaluation", rows, |row| row.images_per_second))
}

fn from_zero(title: &str, y_name: &str, curve: Curve) -> LinePlot {
    LinePlot { title: title.into(), y_name: y_name.into(), y_range: Some(0.0..0.0), curves: vec![curve] }
}

/// Plots the accuracy of several runs by epoch, with a dashed line at each of the `references`, which have a name and an
/// accuracy.
pub fn comparison_plot(title: &str, mut runs: Vec<Curve>, references: &[(&str, f64)]) -> LinePlot {
    let epochs = runs.iter().flat_map(|run| &run.points).map(|&(epoch, _)| epoch);
    let (first, last) = (epochs.clone().fold(f64::INFINITY, f64::min), epochs.fold(f64::NEG_INFINITY, f64::max));
    runs.extend(references.iter().map(|&(name, accuracy)| Curve::level(name, first..last, accuracy)));
    LinePlot { title: title.into(), y_name: "accuracy".into(), y_range: Some(LEAST_ACCURACY..1.0), curves: runs }
}

fn by_epoch(name: &str, rows: &[HistoryRow], value: impl Fn(&HistoryRow) -> f64) -> Curve {
    Curve::new(name, rows.iter().map(|row| (row.epoch as f64, value(row))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_go_from_the_first_epoch_of_any_run_to_the_last() {
        let runs = vec![Curve::new("a", [(1.0, 0.6), (2.0, 0.7)]), Curve::new("b", [(2.0, 0.6), (9.0, 0.7)])];
        let plot = comparison_plot("Runs", runs, &[("Keras", 0.68)]);
        assert_eq!(
            plot.curves[2],
            Curve { name: "Keras".into(), points: vec![(1.0, 0.68), (9.0, 0.68)], dashed: true }
        );
        assert_eq!(plot.y_extent(), 0.5..1.0);
    }
}
