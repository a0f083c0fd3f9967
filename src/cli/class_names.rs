//! Matches the classes of weights with those of data.

use anyhow::bail;
use clap::Args;
use wgrad::data::{ClassMap, DataError, Dataset};
use wgrad::report::units;

use super::options::with_remedy;

/// How the classes of weights and of data are matched.
#[derive(Debug, Args)]
pub struct ClassNames {
    /// Match the classes of the weights and of the data by their places, whatever their names are. Without this option
    /// they are matched by name, and names that differ are an error
    #[arg(long)]
    pub ignore_class_names: bool,
}

impl ClassNames {
    /// Returns `dataset` with the classes `network` of a network, and what the user must know of it. The names are empty
    /// where the weights do not have any.
    pub fn match_data(&self, network: &[String], dataset: Dataset) -> anyhow::Result<(Dataset, Option<String>)> {
        if self.ignore_class_names {
            return Ok((dataset, None));
        }
        if network.is_empty() {
            let line = "the weights do not name their classes, so they are matched with those of the data set by place";
            return Ok((dataset, Some(line.into())));
        }
        let map =
            ClassMap::by_name(network, &dataset.class_names).map_err(|error| with_remedy(DataError::from(error)))?;
        let [all, found] = [network.len(), network.len() - map.missing()].map(|count| units::count(count as u64));
        let line = if map.missing() > 0 {
            Some(format!(
                "the data set has {found} of the network's {all} classes; the network still chooses among all {all}"
            ))
        } else if !map.keeps_labels() {
            Some("the data set has its classes in another order than the network; they are matched by name".into())
        } else {
            None
        };
        Ok((dataset.with_classes(&map), line))
    }

    /// Returns the names of the classes `network` of a network, for which the user gave the names `given`: the network's
    /// own where the user gave the same ones.
    pub fn match_names(&self, network: &[String], given: Vec<String>) -> anyhow::Result<Vec<String>> {
        if self.ignore_class_names || network.is_empty() {
            return Ok(given);
        }
        let map = ClassMap::by_name(network, &given).map_err(|error| with_remedy(error.into()))?;
        if map.missing() > 0 {
            bail!(
                "--classes names {} of the network's {} classes; name all of them, or none",
                given.len(),
                network.len()
            );
        }
        Ok(network.to_vec())
    }
}
