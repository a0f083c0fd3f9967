//! Choosing the data set a run trains on.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    DataError, Dataset, FolderOptions, LeftOut, Places, PublishedSet, cifar::CIFAR10, folder, published::PUBLISHED,
    shapes,
};
use crate::file;

/// Which data a run uses, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSpec {
    /// The data set.
    pub dataset: Choice,
    /// The directory of a published set's files; if this is none, the user's places are searched.
    #[serde(serialize_with = "file::serialize_path")]
    pub data_dir: Option<PathBuf>,
    /// The size to which the pictures of a directory are brought; if this is none, 32 x 32. Other sets have a fixed size.
    pub image_size: Option<ImageSize>,
    /// The channels of the pictures of a directory; if this is none, 3. Other sets have fixed channels.
    pub channels: Option<Channels>,
    /// Whether pictures in sub-directories of a class's directory belong to it.
    pub recursive: bool,
    /// Whether it is an error to leave anything in a directory of pictures out.
    pub strict: bool,
}

/// A data set, and what the user must know of it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The data set.
    pub dataset: Dataset,
    /// One line for each thing.
    pub notes: Vec<String>,
    /// What the set's directory has, but the set does not.
    pub left_out: LeftOut,
}

/// The data sets a user can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Choice {
    /// CIFAR-10 if it is found or can be downloaded, else `shapes`.
    #[default]
    Auto,
    /// A published set, or an error.
    Published(&'static PublishedSet),
    /// The generated `shapes`.
    Shapes,
    /// The pictures of a directory.
    Folder(PathBuf),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Published(set) => f.write_str(set.name),
            Self::Shapes => f.write_str("shapes"),
            Self::Folder(dir) => write!(f, "folder:{}", dir.display()),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = [Self::Auto, Self::Shapes].into_iter().chain(PUBLISHED.map(Self::Published));
        match text.strip_prefix("folder:") {
            Some("") => Err("name a directory after `folder:`".into()),
            Some(dir) => Ok(Self::Folder(dir.into())),
            None => (names.find(|choice| choice.to_string() == text))
                .ok_or_else(|| "give auto, cifar10, cifar100, mnist, fashion-mnist, shapes or folder:DIR".into()),
        }
    }
}

impl TryFrom<String> for Choice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> Self {
        choice.to_string()
    }
}

/// Height and width to which pictures are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageSize(pub [usize; 2]);

impl ImageSize {
    /// The most pixels of a side.
    pub const MAX_SIDE: usize = 4096;
}

impl Default for ImageSize {
    fn default() -> Self {
        Self([32, 32])
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [h, w] = self.0;
        write!(f, "{h}x{w}")
    }
}

impl FromStr for ImageSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=Self::MAX_SIDE).contains(side));
        let (h, w) = text.split_once('x').unwrap_or((text, text));
        let sides = side(h).zip(side(w));
        sides.map(|(h, w)| Self([h, w])).ok_or_else(|| "give N or HxW, each side from 1 to 4096".into())
    }
}

impl TryFrom<String> for ImageSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImageSize> for String {
    fn from(size: ImageSize) -> Self {
        size.to_string()
    }
}

/// Channels of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Channels {
    /// One, by luma.
    Grey,
    /// Red, green and blue.
    #[default]
    Rgb,
    /// Red, green, blue and alpha.
    Rgba,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        u8::from(self).into()
    }
}

impl TryFrom<u8> for Channels {
    type Error = String;

    fn try_from(count: u8) -> Result<Self, String> {
        [Self::Grey, Self::Rgb, Self::Rgba]
            .into_iter()
            .find(|channels| u8::from(*channels) == count)
            .ok_or_else(|| "give 1 for grey, 3 for red, green and blue, or 4 for these and alpha".into())
    }
}

impl From<Channels> for u8 {
    fn from(channels: Channels) -> Self {
        match channels {
            Channels::Grey => 1,
            Channels::Rgb => 3,
            Channels::Rgba => 4,
        }
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What is not a number gets the same message as a number of channels that there is not.
        Self::try_from(text.parse::<u8>().unwrap_or(0))
    }
}

/// Opens the chosen set. A published one is looked for in the user's places, see [`Places`].
///
/// # Errors
///
/// As [`Places::find_or_fetch`] and [`folder::load`], but if CIFAR-10 is missing, [`Choice::Auto`] is an error only where
/// the user named a directory. [`DataError::FixedSize`] and [`DataError::FixedChannels`] where the set has images of
/// another size or other channels than `spec` asks for.
pub fn open(spec: &DataSpec) -> Result<Opened, DataError> {
    let data_dir = spec.data_dir.as_deref();
    let (dataset, warning) = match &spec.dataset {
        Choice::Auto => cifar10_or_shapes(&Places::new(&CIFAR10, data_dir))?,
        Choice::Published(set) => (Places::new(set, data_dir).find_or_fetch()?, None),
        Choice::Shapes => (all_shapes(), None),
        Choice::Folder(dir) => {
            let [h, w] = spec.image_size.unwrap_or_default().0;
            let channels = spec.channels.unwrap_or_default().count();
            let options = FolderOptions { shape: [h, w, channels], recursive: spec.recursive, strict: spec.strict };
            return folder::load(dir, options);
        }
    };
    let [h, w, channels] = dataset.image_shape;
    if let Some(asked) = spec.image_size.filter(|asked| *asked != ImageSize([h, w])) {
        return Err(DataError::FixedSize { asked, name: dataset.name, size: [h, w] });
    }
    if let Some(asked) = spec.channels.filter(|asked| asked.count() != channels) {
        return Err(DataError::FixedChannels { asked: asked.count(), name: dataset.name, channels });
    }
    Ok(Opened { dataset, notes: warning.into_iter().collect(), left_out: LeftOut::default() })
}

/// CIFAR-10, or `shapes` and a warning if the user named no directory and CIFAR-10 can neither be found nor downloaded.
///
/// # Errors
///
/// As [`Places::find_or_fetch`], if the user named a directory.
pub fn cifar10_or_shapes(places: &Places) -> Result<(Dataset, Option<String>), DataError> {
    match places.find_or_fetch() {
        Ok(dataset) => Ok((dataset, None)),
        Err(error) if places.named().is_some() => Err(error),
        Err(error) => {
            let warning =
                "WARNING: training on the generated shapes, NOT on CIFAR-10; their accuracies say nothing about it";
            Ok((all_shapes(), Some(format!("{warning} ({error})"))))
        }
    }
}

fn all_shapes() -> Dataset {
    shapes::generate(shapes::TRAIN_IMAGES, shapes::TEST_IMAGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for text in
            ["auto", "cifar10", "cifar100", "mnist", "fashion-mnist", "shapes", "folder:a/b c", "folder:folder:x"]
        {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        for text in ["", "cifar", "Shapes", "folder", "folder:", "cifar10 "] {
            let error = text.parse::<Choice>().unwrap_err();
            assert!(error.contains("folder:"), "{error}");
        }
    }

    #[test]
    fn channels_are_one_three_or_four() {
        for (text, count) in [("1", 1), ("3", 3), ("4", 4)] {
            let channels: Channels = text.parse().unwrap();
            assert_eq!((channels.count(), serde_json::to_string(&channels).unwrap()), (count, text.into()));
            assert_eq!(serde_json::from_str::<Channels>(text).unwrap(), channels);
        }
        for text in ["", "0", "2", "5", "-1", "256", "grey"] {
            assert!(text.parse::<Channels>().unwrap_err().contains("1 for grey"), "{text}");
        }
        // What an older wgrad wrote.
        let spec: DataSpec = serde_json::from_str(r#"{"dataset":"shapes","data_dir":null,"image_size":null}"#).unwrap();
        assert_eq!(spec, DataSpec { dataset: Choice::Shapes, ..DataSpec::default() });
    }

    #[test]
    fn image_sizes_are_one_or_two_sides() {
        let size = |text: &str| text.parse().map(|ImageSize(size)| size);
        assert_eq!(size("64"), Ok([64, 64]));
        assert_eq!(size("48x4096"), Ok([48, 4096]));
        for text in ["", "0", "4097", "32x", "x32", "32x0", "3x3x3", "-1", "1e3", "32X32", "99999999999999999999"] {
            assert!(size(text).unwrap_err().contains("HxW"), "{text}");
        }
    }
}
