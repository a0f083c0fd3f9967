//! `wgrad models`

use std::process::ExitCode;

use clap::Args;
use wgrad::model::zoo::ZOO;
use wgrad::report::units;

use super::terminal::say;

/// Options of `wgrad models`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad train --model resnet20\n\n\
    The network gets the data's image size and classes. mobilenet_v2:0.35 multiplies all channels of mobilenet_v2 by 0.35.")]
pub struct Models {}

impl Models {
    /// Prints a line for each network.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let titles = ["name", "parameters", "multiply-adds", "for", "source"].map(String::from);
        let mut rows = vec![titles];
        for model in ZOO {
            let network = model.build(model.input, model.classes, 1.0)?;
            let layers = network.summary()?;
            let parameters: usize = layers.iter().map(|layer| layer.parameters).sum();
            let products: u64 = layers.iter().map(|layer| layer.multiply_adds).sum();
            let [h, w, c] = model.input;
            rows.push([
                model.name.into(),
                units::count(parameters as u64),
                format!("{:.1} M", products as f64 / 1e6),
                format!("{h} x {w} x {c}, {} classes", model.classes),
                model.source.into(),
            ]);
        }
        let widths: [usize; 5] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
        let [a, b, c, d, _] = widths;
        for [name, parameters, products, input, source] in &rows {
            say(&format!("{name:<a$}  {parameters:>b$}  {products:>c$}  {input:<d$}  {source}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
