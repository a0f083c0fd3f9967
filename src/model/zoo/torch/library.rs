//! The programs whose networks these are.

use std::fmt;

/// A library of networks for PyTorch. Two libraries may have the same network under other names of its modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// torchvision.models
    Torchvision,
    /// timm, PyTorch Image Models
    Timm,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
        })
    }
}
