//! A directory of pictures as a data set: the name of a picture's directory is its class.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    DataError, Dataset, Decoder, LeftOut, Opened, Split, contents::reason_of_broken, folder_tree::Tree,
    left_out::Reason, progress::Progress,
};

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
