//! A directory of pictures as a data set: the name of a picture's directory is its class.

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{DataError, Dataset, Decoder, Split, listing::Listing, progress::Progress};

/// Where there is no directory of test pictures, one in so many of each class is for testing.
const TEST_SHARE: usize = 5;
/// Most classes: labels have 16 bits.
const MAX_CLASSES: usize = 1 << 16;
/// Pictures decoded ahead of being put into place.
const AHEAD: usize = 64;

const BAR: &str = "{pos}/{len} {bar:20.green} reading pictures {eta}";

/// Reads the pictures of `dir` as a set of `[h, w, 3]` images of `size` `[h, w]`: those of `dir/train/CLASS` and
/// `dir/test/CLASS` (or `dir/val/CLASS`), or else those of `dir/CLASS`, every fifth of which is for testing. Classes are
/// sorted by name. A split begins with the first picture of each class, then has the second of each, and so on, so that
/// any prefix is balanced.
///
/// The lines returned beside the set are for the user: how it was split, and what was left out because it is broken.
///
/// # Errors
///
/// [`DataError::NoFolder`], [`DataError::ClassCount`], [`DataError::NoPictures`], [`DataError::UnknownClass`],
/// [`DataError::NoTestPictures`], [`DataError::AllBroken`], [`DataError::Memory`], [`DataError::Read`] or
/// [`DataError::Thread`].
pub fn load(dir: &Path, size: [usize; 2]) -> Result<(Dataset, Vec<String>), DataError> {
    if !dir.is_dir() {
        return Err(DataError::NoFolder { path: dir.into() });
    }
    let Tree { class_names, train, test, mut notes } = Tree::find(dir)?;
    let pictures = train.iter().chain(&test).map(Vec::len).sum::<usize>();
    let (train, mut broken) = decode(train, size)?;
    let mut seen = vec![false; class_names.len()];
    train.labels().iter().for_each(|&label| seen[usize::from(label)] = true);
    if let Some(label) = seen.iter().position(|seen| !seen) {
        let what = format!("training pictures of class `{}`", class_names[label]);
        broken.retain(|(other, _)| usize::from(*other) == label);
        return Err(all_broken(what, &broken));
    }
    let (test, broken_tests) = decode(test, size)?;
    if test.is_empty() {
        return Err(all_broken("test pictures".into(), &broken_tests));
    }
    broken.extend(broken_tests);
    notes.extend(broken.iter().map(|(_, error)| format!("WARNING: left out: {error}")));
    if !broken.is_empty() {
        notes.push(format!("WARNING: {} of {pictures} pictures were left out", broken.len()));
    }
    Ok((Dataset::new("folder", &dir.display().to_string(), class_names, train, test), notes))
}

/// The classes, in label order, and the pictures of each in both splits.
struct Tree {
    class_names: Vec<String>,
    train: Vec<Vec<PathBuf>>,
    test: Vec<Vec<PathBuf>>,
    notes: Vec<String>,
}

impl Tree {
    fn find(dir: &Path) -> Result<Self, DataError> {
        let root = Listing::of(dir)?;
        let named = |name: &str| root.directories.iter().find(|path| path.file_name() == Some(OsStr::new(name)));
        let [train, test, val] = ["train", "test", "val"].map(named);
        // A class may be called `train`, but then it holds pictures, not classes.
        let Some((train, classes)) = train.map(|train| (train, Listing::of(train))) else {
            return Self::without_tests(dir, root);
        };
        let classes = classes?;
        match (test, val) {
            _ if classes.directories.is_empty() => Self::without_tests(dir, root),
            (None, None) => Err(DataError::NoTestPictures { path: dir.into() }),
            (None, Some(test)) | (Some(test), None) => Self::with_tests(train, classes, test),
            (Some(test), Some(val)) => {
                let mut tree = Self::with_tests(train, classes, test)?;
                tree.notes.push(format!("Tests are on {}; {} is not used", test.display(), val.display()));
                Ok(tree)
            }
        }
    }

    fn with_tests(train_dir: &Path, train: Listing, test_dir: &Path) -> Result<Self, DataError> {
        let (class_names, train) = classes(train_dir, train)?;
        let labels: HashMap<_, _> = class_names.iter().zip(0..).collect();
        let mut test = vec![Vec::new(); class_names.len()];
        for dir in Listing::of(test_dir)?.directories {
            let pictures = Listing::of(&dir)?.pictures;
            match labels.get(&class_name(&dir)) {
                Some(&label) => test[label] = pictures,
                None if pictures.is_empty() => {}
                None => return Err(DataError::UnknownClass { path: dir, train: train_dir.into() }),
            }
        }
        if test.iter().all(Vec::is_empty) {
            return Err(DataError::NoPictures { path: test_dir.into() });
        }
        Ok(Self { class_names, train, test, notes: Vec::new() })
    }

    fn without_tests(dir: &Path, root: Listing) -> Result<Self, DataError> {
        let (class_names, mut train) = classes(dir, root)?;
        let mut test = Vec::new();
        for pictures in &mut train {
            let mut rank = 0..;
            let is_test = |_: &mut PathBuf| rank.next().is_some_and(|rank| rank % TEST_SHARE == TEST_SHARE - 1);
            test.push(pictures.extract_if(.., is_test).collect());
        }
        if test.iter().all(Vec::is_empty) {
            return Err(DataError::NoTestPictures { path: dir.into() });
        }
        let note =
            format!("{} has no directory `test`: every fifth picture of each class is for testing", dir.display());
        Ok(Self { class_names, train, test, notes: vec![note] })
    }
}

/// Names of the classes whose directories `listing`, that of `dir`, has, and their pictures.
fn classes(dir: &Path, listing: Listing) -> Result<(Vec<String>, Vec<Vec<PathBuf>>), DataError> {
    let found = listing.directories.len();
    if !(2..=MAX_CLASSES).contains(&found) {
        return Err(DataError::ClassCount { path: dir.into(), found });
    }
    let mut pictures = Vec::new();
    for dir in &listing.directories {
        pictures.push(Listing::of(dir)?.pictures);
        if pictures.last().is_some_and(Vec::is_empty) {
            return Err(DataError::NoPictures { path: dir.clone() });
        }
    }
    Ok((listing.directories.iter().map(|dir| class_name(dir)).collect(), pictures))
}

fn class_name(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into()
}

/// Decodes the pictures of each class; returns also why some could not be, with their labels.
fn decode(classes: Vec<Vec<PathBuf>>, size: [usize; 2]) -> Result<(Split, Vec<(u16, DataError)>), DataError> {
    let mut pictures = Vec::new();
    for (label, paths) in (0..=u16::MAX).zip(classes) {
        pictures.extend(paths.into_iter().enumerate().map(|(rank, path)| (rank, label, path)));
    }
    pictures.sort_unstable_by_key(|&(rank, label, _)| (rank, label));
    let (paths, all_labels): (Vec<_>, Vec<_>) = pictures.into_iter().map(|(_, label, path)| (path, label)).unzip();

    let [h, w] = size;
    let bytes = paths.len() as u128 * (h as u128 * w as u128 * 3);
    let no_memory = || DataError::Memory { pictures: all_labels.len(), size, bytes };
    let mut pixels = Vec::new();
    pixels.try_reserve_exact(usize::try_from(bytes).map_err(|_| no_memory())?).map_err(|_| no_memory())?;
    let (mut labels, mut broken) = (Vec::new(), Vec::new());
    let mut progress = Progress::new(paths.len() as u64, BAR, "pictures read:");
    for (done, (label, decoded)) in (1..).zip(all_labels.iter().zip(Decoder::new(paths.into(), [h, w, 3], AHEAD)?)) {
        match decoded {
            Ok(picture) => {
                pixels.extend_from_slice(&picture);
                labels.push(*label);
            }
            Err(error) => broken.push((*label, error)),
        }
        progress.at(done);
    }
    Ok((Split::new([h, w, 3], pixels, labels), broken))
}

fn all_broken(what: String, broken: &[(u16, DataError)]) -> DataError {
    DataError::AllBroken { what, first: broken.first().map(|(_, error)| error.to_string()).unwrap_or_default() }
}
