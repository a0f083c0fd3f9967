//! Where the pictures of each class and split lie in a directory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::left_out::Reason;
use super::listing::{Listing, holds_pictures};
use super::{DataError, LeftOut};

/// Names of the directories of splits, in lower case.
const TRAIN: &[&str] = &["train", "training"];
const VALIDATION: &[&str] = &["val", "valid", "validation"];
const TEST: &[&str] = &["test", "testing"];
/// If there is no directory for testing, one of so many pictures of each class is for testing.
const TEST_SHARE: usize = 5;
/// The most classes, because labels have 16 bits.
const MAX_CLASSES: usize = 1 << 16;

/// The classes, in label order, and the pictures of each in all splits.
pub(super) struct Tree {
    pub class_names: Vec<String>,
    pub train: Vec<Vec<PathBuf>>,
    pub validation: Option<Vec<Vec<PathBuf>>>,
    pub test: Vec<Vec<PathBuf>>,
    /// Whether each split has a directory of its own.
    pub is_split: bool,
    pub notes: Vec<String>,
    pub left_out: LeftOut,
}

impl Tree {
    pub fn find(dir: &Path, recursive: bool) -> Result<Self, DataError> {
        let mut root = Listing::of(dir)?;
        let mut left_out = beside_classes(&mut root);
        let named = |names: &[&str]| {
            let has_name = |path: &&PathBuf| names.contains(&class_name(path).to_lowercase().as_str());
            root.directories.iter().filter(has_name).cloned().collect::<Vec<_>>()
        };
        let [mut train, validation, test] = [TRAIN, VALIDATION, TEST].map(named);
        // A class may be called `train`, but then it holds pictures, not classes.
        train.retain(|path| Listing::of(path).is_ok_and(|listing| !listing.directories.is_empty()));
        let Some(train) = only(train)? else {
            for path in validation.into_iter().chain(test) {
                let listing = Listing::of(&path)?;
                if listing.pictures.is_empty() && !listing.directories.is_empty() {
                    return Err(DataError::NoTrainPictures { path: dir.into(), found: path });
                }
            }
            return Self::unsplit(dir, root, left_out, recursive);
        };
        let [validation, test] = [only(validation)?, only(test)?];
        for path in &root.directories {
            let is_split = [Some(&train), validation.as_ref(), test.as_ref()].contains(&Some(path));
            if !is_split
                && (holds_pictures(path) || Listing::of(path)?.directories.iter().any(|dir| holds_pictures(dir)))
            {
                left_out.add(Reason::NoSplit, path);
            }
        }

        let mut listing = Listing::of(&train)?;
        left_out.extend(beside_classes(&mut listing));
        let (class_names, pictures) = classes(&train, listing, recursive, &mut left_out)?;
        let mut pictures_of = |path: &PathBuf| pictures_of_split(path, &class_names, &train, recursive, &mut left_out);
        let (validation, test, notes) = match (validation, test) {
            (None, None) => return Err(DataError::NoTestDirectory { path: dir.into() }),
            (validation, Some(test)) => {
                let validation = match validation.as_ref().map(&mut pictures_of).transpose() {
                    Err(DataError::NoPictures { left_out, .. }) if left_out.is_empty() => None,
                    validation => validation?,
                };
                (validation, pictures_of(&test)?, Vec::new())
            }
            (Some(test), None) => {
                let note = format!(
                    "Tests are on {}, because {} has no directory `test`; the same pictures choose the best weights, \
                     unless others are drawn for validation",
                    test.display(),
                    dir.display()
                );
                (None, pictures_of(&test)?, vec![note])
            }
        };
        Ok(Self { class_names, train: pictures, validation, test, is_split: true, notes, left_out })
    }

    /// Takes every fifth picture of each class for testing.
    fn unsplit(dir: &Path, root: Listing, mut left_out: LeftOut, recursive: bool) -> Result<Self, DataError> {
        let (class_names, mut train) = classes(dir, root, recursive, &mut left_out)?;
        let mut test = Vec::new();
        for pictures in &mut train {
            let mut rank = 0..;
            let is_test = |_: &mut PathBuf| rank.next().is_some_and(|rank| rank % TEST_SHARE == TEST_SHARE - 1);
            test.push(pictures.extract_if(.., is_test).collect());
        }
        if test.iter().all(Vec::is_empty) {
            return Err(DataError::NoTestPictures { path: dir.into(), left_out });
        }
        let is_split_name = |name: &String| {
            let name = name.to_lowercase();
            [TRAIN, VALIDATION, TEST].concat().contains(&name.as_str())
        };
        let mut notes = Vec::new();
        if class_names.iter().all(is_split_name) {
            let names = class_names.join("`, `");
            notes.push(format!(
                "WARNING: the classes are `{names}`, because there are no directories of classes in them"
            ));
        }
        notes.push(format!(
            "{} has no directory `test`: every fifth picture of each class is for testing",
            dir.display()
        ));
        Ok(Self { class_names, train, validation: None, test, is_split: false, notes, left_out })
    }
}

/// The directory of a split, if there is one; two of them are an error.
fn only(mut directories: Vec<PathBuf>) -> Result<Option<PathBuf>, DataError> {
    let first = directories.pop();
    match (first, directories.pop()) {
        (Some(second), Some(first)) => Err(DataError::SameSplit { first, second }),
        (first, _) => Ok(first),
    }
}

/// Takes from `listing` what lies beside the directories of classes, because it is left out. Texts and tables may be
/// there, so they are not counted.
fn beside_classes(listing: &mut Listing) -> LeftOut {
    let mut left_out = std::mem::take(&mut listing.left_out);
    left_out.forget(Reason::NotPicture);
    listing.pictures.drain(..).for_each(|path| left_out.add(Reason::Classless, &path));
    left_out
}

/// Names of the classes in `listing`, which is that of `dir`, and the pictures of each.
fn classes(
    dir: &Path,
    listing: Listing,
    recursive: bool,
    left_out: &mut LeftOut,
) -> Result<(Vec<String>, Vec<Vec<PathBuf>>), DataError> {
    let found = listing.directories.len();
    if !(2..=MAX_CLASSES).contains(&found) {
        return Err(DataError::ClassCount { path: dir.into(), found });
    }
    let mut pictures = Vec::new();
    for dir in &listing.directories {
        let class = Listing::of_class(dir, recursive)?;
        if class.pictures.is_empty() {
            return Err(DataError::NoPictures { path: dir.clone(), left_out: class.left_out });
        }
        pictures.push(class.pictures);
        left_out.extend(class.left_out);
    }
    Ok((listing.directories.iter().map(|dir| class_name(dir)).collect(), pictures))
}

/// The pictures in `dir`, by the classes of the training pictures in `train`.
fn pictures_of_split(
    dir: &Path,
    class_names: &[String],
    train: &Path,
    recursive: bool,
    left_out: &mut LeftOut,
) -> Result<Vec<Vec<PathBuf>>, DataError> {
    let labels: HashMap<_, _> = class_names.iter().zip(0..).collect();
    let mut pictures = vec![Vec::new(); class_names.len()];
    let mut listing = Listing::of(dir)?;
    let mut own_left_out = beside_classes(&mut listing);
    for dir in listing.directories {
        let class = Listing::of_class(&dir, recursive)?;
        own_left_out.extend(class.left_out);
        match labels.get(&class_name(&dir)) {
            Some(&label) => pictures[label] = class.pictures,
            None if class.pictures.is_empty() => {}
            None => return Err(DataError::UnknownClass { path: dir, train: train.into() }),
        }
    }
    if pictures.iter().all(Vec::is_empty) {
        return Err(DataError::NoPictures { path: dir.into(), left_out: own_left_out });
    }
    left_out.extend(own_left_out);
    Ok(pictures)
}

fn class_name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into()
}
