//! What a run was begun with.

use serde::{Deserialize, Serialize};

use super::{AdapterConfig, Execution, RunSpec};
use crate::graph::Tuning;

/// What a checkpoint holds of its run: the settings, and what they came to when the run was begun, so that it can be
/// resumed without the files that they name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// The settings that decide what is computed.
    pub spec: RunSpec,
    /// The settings that do not change what is computed.
    pub execution: Execution,
    /// The directory of TensorBoard's files, if there are any. wgrad only shows it to the user, and never
    /// writes to a place that a checkpoint names.
    pub tensorboard: Option<String>,
    /// The network, as a model file.
    pub network: String,
    /// How each matrix product is computed.
    pub products: Tuning,
    /// SHA-256 of the data.
    pub data_checksum: String,
    /// Names of the network's classes.
    pub class_names: Vec<String>,
    /// The adapter that the run was begun on.
    pub adapter: AdapterConfig,
    /// The version of wgrad that began it.
    pub wgrad: String,
}
