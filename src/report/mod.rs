//! The report of a run as HTML, Markdown, plots and pictures. It is made of data alone and needs no device.
//!
//! [`Report`] makes a [`Document`] of the results of a run. [`to_html`] and [`to_markdown`] write the same document in two
//! formats. [`LinePlot`] and [`Curve`] draw the curves of any run in the same style.

mod axis;
mod confusion_matrix;
mod curves;
mod document;
mod epochs;
mod error;
mod generalization;
mod heat_map;
mod html;
mod line_plot;
mod markdown;
mod mistakes;
mod palette;
mod raster;
mod run_report;
mod settings;
pub mod units;

pub use confusion_matrix::{ClassScore, ConfusionMatrix};
pub use curves::{
    accuracy_plot, comparison_plot, gradient_norm_plot, learning_rate_plot, loss_plot, throughput_plot, top5_plot,
};
pub use document::{Block, Document, Gallery, Picture, Plot, Table};
pub use error::ReportError;
pub use generalization::{Change, Generalization};
pub use heat_map::{heat_map, heat_picture};
pub use html::to_html;
pub use line_plot::{Curve, LinePlot};
pub use markdown::to_markdown;
pub use mistakes::{Mistake, confident_mistakes, picture, sheet};
pub use raster::Raster;
pub use run_report::Report;
