//! What the epochs of a run show.

use super::document::Table;
use super::units;
use super::units::percent;
use crate::train::HistoryRow;

/// Says how far training and validation are apart in the `last` epoch.
pub fn gap_line(last: &HistoryRow) -> String {
    let gap = 100.0 * (last.accuracy - last.val_accuracy);
    let ahead = if gap < 0.0 { "validation" } else { "training" };
    let [training, validation] = [last.accuracy, last.val_accuracy].map(percent);
    format!(
        "In epoch {} accuracy is {training} in training and {validation} in validation: {ahead} is ahead by {:.1} points.",
        last.epoch,
        gap.abs()
    )
}

/// The figures of each epoch.
pub fn epoch_table(rows: &[HistoryRow]) -> Table {
    let scaled = rows.iter().any(|row| row.loss_scale.is_some());
    let row = |row: &HistoryRow| {
        let mut cells = vec![
            row.epoch.to_string(),
            format!("{:.4}", row.loss),
            format!("{:.4}", row.accuracy),
            format!("{:.4}", row.val_loss),
            format!("{:.4}", row.val_accuracy),
            format!("{:.3e}", row.learning_rate),
            format!("{:.3}", row.gradient_norm),
            format!("{:.1} s", row.seconds),
            units::count(row.images_per_second.round() as u64),
        ];
        if scaled {
            cells.push(units::count(row.skipped_updates.unwrap_or(0)));
            cells.push(units::count(row.loss_scale.unwrap_or(1.0).round() as u64));
        }
        cells
    };
    let scale = ["skipped updates", "loss scale"].into_iter().filter(|_| scaled);
    let figures =
        ["loss", "accuracy", "val. loss", "val. accuracy", "learning rate", "gradient norm", "time", "images/s"];
    Table {
        title: "Epochs".into(),
        columns: ["epoch"].into_iter().chain(figures).chain(scale).map(|name| (name, true)).collect(),
        rows: rows.iter().map(row).collect(),
    }
}
