//! Where measured choices come from.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where measured choices of the matrix products come from. Written as `auto`, `none` or a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TuningSource {
    /// The user's cache.
    #[default]
    Auto,
    /// Nowhere: a rule chooses.
    None,
    /// The `config.json` of a run.
    Run(PathBuf),
}

impl fmt::Display for TuningSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Run(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for TuningSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            path => Self::Run(path.into()),
        })
    }
}
