//! The options of a layer, which are read one by one until none is left.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The value of some text; none if it is of another kind.
pub fn parse<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// The start of a value, for a message.
pub fn start(value: &RawValue) -> String {
    value.get().chars().take(60).collect()
}

#[derive(Deserialize)]
struct Policy {
    config: PolicyConfig,
}

#[derive(Deserialize)]
struct PolicyConfig {
    name: String,
}

/// The options of a layer that were not read yet. Values stay text until they are asked for, because a tree of them takes
/// many times as much memory.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Options<'a>(#[serde(borrow)] BTreeMap<String, &'a RawValue>);

impl<'a> Options<'a> {
    /// Whether an option is there.
    pub fn has(&self, option: &str) -> bool {
        self.0.contains_key(option)
    }

    /// Whether an option is missing, or is there without a value.
    pub fn is_none(&self, option: &str) -> bool {
        self.0.get(option).is_none_or(|value| value.get() == "null")
    }

    /// Removes an option, whatever it is.
    pub fn remove(&mut self, option: &str) -> Option<&'a RawValue> {
        self.0.remove(option)
    }

    /// Removes and reads an option.
    pub fn take<T: DeserializeOwned>(&mut self, option: &str) -> Result<T, String> {
        let value = self.0.remove(option).ok_or_else(|| format!("`{option}` is missing"))?;
        serde_json::from_str(value.get()).map_err(|error| format!("`{option}` is {}: {error}", start(value)))
    }

    /// An option that some versions of Keras don't write.
    pub fn take_or<T: DeserializeOwned>(&mut self, option: &str, default: T) -> Result<T, String> {
        if self.has(option) { self.take(option) } else { Ok(default) }
    }

    /// Removes an option that wgrad doesn't have. `wanted` is the value with which the option changes nothing.
    pub fn only<T: DeserializeOwned + PartialEq + Debug>(&mut self, option: &str, wanted: T) -> Result<(), String> {
        match self.0.remove(option) {
            Some(value) if parse(value).as_ref() != Some(&wanted) => {
                Err(format!("`{option}` is {}, not {wanted:?}", start(value)))
            }
            _ => Ok(()),
        }
    }

    /// Removes the type of the layer's elements, which must be float32.
    pub fn float32(&mut self) -> Result<(), String> {
        let Some(dtype) = self.0.remove("dtype") else { return Ok(()) };
        let policy = parse(dtype).map(|Policy { config }| config.name).or_else(|| parse(dtype));
        match policy.as_deref() {
            Some("float32") => Ok(()),
            _ => Err(format!("`dtype` is {}, not float32", policy.unwrap_or_else(|| start(dtype)))),
        }
    }

    /// Removes what says how variables were first filled, which their values replace.
    pub fn forget_initializers(&mut self) {
        self.0.retain(|option, _| !option.ends_with("_initializer"));
    }

    /// Removes and reads the one axis that a layer works along, as a number or a list of one.
    pub fn axis(&mut self) -> Result<i64, String> {
        let Some(value) = self.0.remove("axis") else { return Ok(-1) };
        let axis = parse(value).or_else(|| parse(value).map(|[axis]: [i64; 1]| axis));
        axis.ok_or_else(|| format!("`axis` is {}, not -1", start(value)))
    }

    /// Fails if an option is left that has a value.
    pub fn finish(self) -> Result<(), String> {
        match self.0.iter().find(|(_, value)| value.get() != "null") {
            Some((option, value)) => Err(format!("wgrad has no `{option}`, but it is {}", start(value))),
            None => Ok(()),
        }
    }
}
