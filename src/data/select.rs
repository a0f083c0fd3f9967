//! Choosing the data set a run trains on.

use std::{fmt, path::Path};

use super::{DataError, Dataset, cifar10::Places, shapes};

/// The data sets a user can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Choice {
    /// CIFAR-10 where it is found or can be fetched, `shapes` elsewhere.
    #[default]
    Auto,
    /// CIFAR-10 or an error.
    Cifar10,
    /// The generated `shapes`.
    Shapes,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cifar10 => "cifar10",
            Self::Shapes => "shapes",
        })
    }
}

/// Opens the chosen set, looking for CIFAR-10 in the user's places (see [`Places`]). The line
/// returned beside it, if any, is a warning the user must see.
///
/// # Errors
///
/// As [`Places::find_or_fetch`]; for [`Choice::Auto`] only where the user named a directory,
/// by `--data-dir` or `CIFAR10_DIR`.
pub fn open(choice: Choice, data_dir: Option<&Path>) -> Result<(Dataset, Option<String>), DataError> {
    open_in(choice, &Places::new(data_dir))
}

/// As [`open`], looking in the given places.
///
/// # Errors
///
/// As [`open`].
pub fn open_in(choice: Choice, places: &Places) -> Result<(Dataset, Option<String>), DataError> {
    let shapes = || shapes::generate(shapes::TRAIN_IMAGES, shapes::TEST_IMAGES);
    match choice {
        Choice::Cifar10 => Ok((places.find_or_fetch()?, None)),
        Choice::Shapes => {
            let unused = places.data_dir.as_ref();
            let warning = unused.map(|_| "WARNING: the shapes set is generated; --data-dir is not used");
            Ok((shapes(), warning.map(Into::into)))
        }
        Choice::Auto => match places.find_or_fetch() {
            Ok(dataset) => Ok((dataset, None)),
            Err(error) if places.named().is_some() => Err(error),
            Err(error) => Ok((
                shapes(),
                Some(format!(
                    "WARNING: training on the generated shapes set, NOT on CIFAR-10; its accuracies are not CIFAR-10's ({error})"
                )),
            )),
        },
    }
}
