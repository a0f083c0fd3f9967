//! A directory of pictures as a data set: the name of a picture's directory is its class.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    DataError, Dataset, Decoder, LeftOut, Opened, Split,
    left_out::Reason,
    listing::{Listing, holds_pictures, reason_of_broken},
    progress::Progress,
};

/// Names of the directories of splits, in lower case.
const TRAIN: &[&str] = &["train", "training"];
const VALIDATION: &[&str] = &["val", "valid", "validation"];
const TEST: &[&str] = &["test", "testing"];
/// If there is no directory for testing, one of so many pictures of each class is for testing.
const TEST_SHARE: usize = 5;
/// The most classes, because labels have 16 bits.
const MAX_CLASSES: usize = 1 << 16;
/// Pictures that are decoded ahead.
const AHEAD: usize = 64;
/// The most broken pictures, and the most classes, that are named.
const MOST_NAMED: usize = 10;

const BAR: &str = "{pos}/{len} {bar:20.green} reading pictures {eta}";

/// How the pictures of a directory are read.
#[derive(Debug, Clone, Copy)]
pub struct FolderOptions {
    /// Shape of the images, `[h, w, c]`.
    pub shape: [usize; 3],
    /// Whether pictures in sub-directories of a class belong to it.
    pub recursive: bool,
    /// Whether it is an error to leave anything out.
    pub strict: bool,
}

/// Reads the pictures of `dir` as a set of images. Its layout is one of
///
/// - `dir/train/CLASS`, with `dir/val/CLASS`, `dir/test/CLASS` or both. Other names of these splits are `training`;
///   `valid` and `validation`; `testing`, in upper or lower case. If there is no directory for testing, the validation
///   pictures are the test set.
/// - `dir/CLASS`, where every fifth picture of each class is for testing.
///
/// Classes are sorted by name. A split begins with the first picture of each class, then has the second of each, and so
/// on, so that any prefix is balanced. Symbolic links are followed.
///
/// # Errors
///
/// [`DataError::NoFolder`], [`DataError::ClassCount`], [`DataError::NoPictures`], [`DataError::UnknownClass`],
/// [`DataError::SameSplit`], [`DataError::NoTrainPictures`], [`DataError::NoTestPictures`],
/// [`DataError::NoTestDirectory`], [`DataError::AllBroken`], [`DataError::LeftOut`], [`DataError::Memory`],
/// [`DataError::Read`] or [`DataError::Thread`].
pub fn load(dir: &Path, options: FolderOptions) -> Result<Opened, DataError> {
    if !dir.is_dir() {
        return Err(DataError::NoFolder { path: dir.into() });
    }
    let tree = Tree::find(dir, options.recursive)?;
    let Tree { class_names, train, validation, test, is_split, mut notes, mut left_out } = tree;
    let check = |left_out: &LeftOut| match options.strict && !left_out.is_empty() {
        true => Err(DataError::LeftOut { path: dir.into(), left_out: left_out.clone() }),
        false => Ok(()),
    };
    check(&left_out)?;

    let train = decode(train, options.shape)?;
    let seen = seen(&train.split, class_names.len());
    if let Some(label) = seen.iter().position(|seen| !seen) {
        let what = format!("training pictures of class `{}`", class_names[label]);
        return Err(all_broken(what, train.broken.iter().find(|broken| usize::from(broken.label) == label)));
    }
    let mut broken = train.broken;
    let mut read = |classes: Vec<Vec<PathBuf>>, name: &str| {
        let decoded = decode(classes, options.shape)?;
        if decoded.split.is_empty() {
            return Err(all_broken(format!("{name} pictures"), decoded.broken.first()));
        }
        notes.extend(classes_without(name, &decoded.split, &class_names, is_split));
        broken.extend(decoded.broken);
        Ok(decoded.split)
    };
    let validation = validation.map(|classes| read(classes, "validation")).transpose()?;
    let test = read(test, "test")?;

    let mut named = 0;
    for Broken { path, error, .. } in broken {
        let reason = reason_of_broken(&path);
        left_out.add(reason, &path);
        if reason == Reason::Broken && named < MOST_NAMED {
            notes.push(format!("WARNING: left out: {error}"));
            named += 1;
        }
    }
    check(&left_out)?;
    let mut dataset = Dataset::new("folder", &dir.display().to_string(), class_names, train.split, test);
    if let Some(validation) = validation {
        dataset = dataset.with_validation(validation);
    }
    Ok(Opened { dataset, notes, left_out })
}

/// The classes, in label order, and the pictures of each in all splits.
struct Tree {
    class_names: Vec<String>,
    train: Vec<Vec<PathBuf>>,
    validation: Option<Vec<Vec<PathBuf>>>,
    test: Vec<Vec<PathBuf>>,
    /// Whether each split has a directory of its own.
    is_split: bool,
    notes: Vec<String>,
    left_out: LeftOut,
}

impl Tree {
    fn find(dir: &Path, recursive: bool) -> Result<Self, DataError> {
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

/// The images of a split, and the pictures that cannot be decoded.
struct Decoded {
    split: Split,
    broken: Vec<Broken>,
}

struct Broken {
    path: PathBuf,
    label: u16,
    error: DataError,
}

/// Decodes the pictures of each class.
fn decode(classes: Vec<Vec<PathBuf>>, shape: [usize; 3]) -> Result<Decoded, DataError> {
    let mut pictures = Vec::new();
    for (label, paths) in (0..=u16::MAX).zip(classes) {
        pictures.extend(paths.into_iter().enumerate().map(|(rank, path)| (rank, label, path)));
    }
    pictures.sort_unstable_by_key(|&(rank, label, _)| (rank, label));
    let (paths, all_labels): (Vec<_>, Vec<_>) = pictures.into_iter().map(|(_, label, path)| (path, label)).unzip();
    let paths: Arc<[PathBuf]> = paths.into();

    let [h, w, channels] = shape;
    let bytes = paths.len() as u128 * (h as u128 * w as u128 * channels as u128);
    let no_memory = || DataError::Memory { pictures: paths.len(), size: [h, w], bytes };
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(usize::try_from(bytes).map_err(|_| no_memory())?).map_err(|_| no_memory())?;
    let (mut labels, mut broken) = (Vec::new(), Vec::new());
    let mut progress = Progress::new(paths.len() as u64, BAR, "pictures read:");
    let decoder = Decoder::new(paths.clone(), shape, AHEAD)?;
    for (done, ((path, &label), decoded)) in (1..).zip(paths.iter().zip(&all_labels).zip(decoder)) {
        match decoded {
            Ok(picture) => {
                pixels.extend_from_slice(&picture);
                labels.push(label);
            }
            Err(error) => broken.push(Broken { path: path.clone(), label, error }),
        }
        progress.at(done);
    }
    Ok(Decoded { split: Split::new(shape, pixels, labels), broken })
}

/// Whether there is an image of each class.
fn seen(split: &Split, classes: usize) -> Vec<bool> {
    let mut seen = vec![false; classes];
    split.labels().iter().for_each(|&label| seen[usize::from(label)] = true);
    seen
}

/// A warning that names the classes of which a split has no pictures.
fn classes_without(name: &str, split: &Split, class_names: &[String], is_split: bool) -> Option<String> {
    let seen = seen(split, class_names.len());
    let missing: Vec<_> =
        class_names.iter().zip(seen).filter(|(_, seen)| !seen).map(|(name, _)| name.as_str()).collect();
    let mut classes = missing.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match missing.len() {
        0 => return None,
        count if count > MOST_NAMED => classes += &format!(" and {} more classes", count - MOST_NAMED),
        _ => {}
    }
    let why = if is_split { "" } else { " (every fifth picture of a class is one)" };
    Some(format!("WARNING: there are no {name} pictures of {classes}{why}, so the results say nothing about them"))
}

fn all_broken(what: String, first: Option<&Broken>) -> DataError {
    DataError::AllBroken { what, first: first.map(|broken| broken.error.to_string()).unwrap_or_default() }
}
