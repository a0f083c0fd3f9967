//! How a run is carried out.

use serde::{Deserialize, Serialize};

use super::{CheckpointInterval, as_text};
use crate::gpu::AdapterChoice;

/// What a user chooses about a run besides its [`RunSpec`](super::RunSpec): none of it changes what is computed, as far
/// as adapters agree, so all of it may change when the run is resumed.
///
/// No field names a place to write to: a checkpoint, which holds these settings, may come from anybody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Execution {
    /// Part of an adapter's name, its number in the list, or `software`; the best there is if none.
    pub adapter: Option<String>,
    /// The interface to the driver; any if none.
    #[serde(with = "backend")]
    pub backend: Option<wgpu::Backend>,
    /// Training steps submitted together; as many as a tenth of a second holds if none.
    pub steps_per_submit: Option<u8>,
    /// Steps or time between two checkpoints.
    #[serde(with = "as_text")]
    pub checkpoint_every: CheckpointInterval,
    /// Whether the run ends with a measurement of where its time went.
    pub profile: bool,
    /// Whether a report is written.
    pub report: bool,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            adapter: None,
            backend: None,
            steps_per_submit: None,
            checkpoint_every: CheckpointInterval::default(),
            profile: false,
            report: true,
        }
    }
}

impl Execution {
    /// The adapter to open.
    pub fn adapter(&self) -> AdapterChoice {
        AdapterChoice { adapter: self.adapter.clone(), backend: self.backend, ..AdapterChoice::default() }
    }
}

mod backend {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use wgpu::Backend;

    const ALL: [Backend; 4] = [Backend::Vulkan, Backend::Metal, Backend::Dx12, Backend::Gl];

    pub fn serialize<S: Serializer>(backend: &Option<Backend>, serializer: S) -> Result<S::Ok, S::Error> {
        match backend {
            Some(backend) => serializer.serialize_some(backend.to_str()),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Backend>, D::Error> {
        let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let found = ALL.into_iter().find(|backend| backend.to_str() == name);
        found.map(Some).ok_or_else(|| de::Error::custom(format!("`{name}` is no backend")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for backend in [None, Some(wgpu::Backend::Vulkan), Some(wgpu::Backend::Gl)] {
            let execution = Execution { backend, steps_per_submit: Some(3), report: false, ..Execution::default() };
            let text = serde_json::to_string(&execution).unwrap();
            assert_eq!(serde_json::from_str::<Execution>(&text).unwrap(), execution);
        }
        assert_eq!(serde_json::from_str::<Execution>("{}").unwrap(), Execution::default());
        for wrong in [r#"{"out": "x"}"#, r#"{"backend": "cuda"}"#, r#"{"checkpoint_every": "0"}"#] {
            serde_json::from_str::<Execution>(wrong).unwrap_err();
        }
    }
}
