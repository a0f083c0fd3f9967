//! Directories of pictures as data sets: which pictures are read, in which order, and what is wrong with a tree.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use tempfile::TempDir;
use wgrad::data::{DataError, Dataset, folder};

/// A directory with the named pictures, of one pixel each: its red is the place in `names`, from 1.
fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (red, name) in (1..).zip(names) {
        write(dir.path(), name, red);
    }
    dir
}

fn write(dir: &Path, name: &str, red: u8) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // As PNG whatever the name says.
    RgbImage::from_pixel(1, 1, Rgb([red, 0, 0])).save_with_format(path, image::ImageFormat::Png).unwrap();
}

fn reds(dataset: &Dataset) -> [Vec<u8>; 2] {
    [&dataset.train, &dataset.test].map(|split| split.pixels().iter().copied().step_by(3).collect())
}

fn error(dir: &Path, parts: &[&str]) -> DataError {
    let error = folder::load(dir, [1, 1]).unwrap_err();
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    error
}

#[test]
fn splits_in_directories_of_their_own() {
    for test in ["test", "val"] {
        let names = ["train/b/1.png", "train/b/2.JPG", "train/a/3.jpeg", "train/c/4.png", "other/d/5.png"];
        let tests = [format!("{test}/c/6.png"), format!("{test}/a/7.png"), format!("{test}/c/8.png")];
        let names: Vec<_> = names.into_iter().chain(tests.iter().map(String::as_str)).collect();
        let dir = tree(&names);
        // None of these is a picture of the set.
        write(dir.path(), "train/a/.hidden.png", 90);
        write(dir.path(), "train/.hidden/1.png", 91);
        write(dir.path(), "train/a/below/1.png", 92);
        write(dir.path(), "train/1.png", 93);
        fs::write(dir.path().join("train/a/notes.txt"), b"notes").unwrap();
        fs::create_dir(dir.path().join(test).join("unknown but empty")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("3.jpeg", dir.path().join("train/a/link.png")).unwrap();

        let (dataset, notes) = folder::load(dir.path(), [1, 1]).unwrap();
        assert_eq!(notes, [""; 0]);
        assert_eq!((dataset.name.as_str(), dataset.origin.as_str()), ("folder", dir.path().to_str().unwrap()));
        assert_eq!(dataset.class_names, ["a", "b", "c"]);
        // The first of each class, then the second.
        assert_eq!(reds(&dataset), [vec![3, 1, 4, 2], vec![7, 6, 8]]);
        assert_eq!(dataset.train.labels(), [0, 1, 2, 1]);
        assert_eq!(dataset.test.labels(), [0, 2, 2]);
        assert_eq!(dataset.image_shape, [1, 1, 3]);
    }
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "val/b/1.png"]);
    let (dataset, notes) = folder::load(dir.path(), [1, 1]).unwrap();
    assert_eq!(dataset.test.labels(), [0]);
    assert!(notes.len() == 1 && notes[0].contains("val is not used"), "{notes:?}");
}

#[test]
fn without_a_test_directory_every_fifth_picture_is_for_testing() {
    let names: Vec<_> = (0..11).map(|i| format!("train/{i:02}.png")).chain(["cat/x.png".into()]).collect();
    let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (dataset, notes) = folder::load(dir.path(), [1, 1]).unwrap();
    assert_eq!(dataset.class_names, ["cat", "train"]);
    assert_eq!(reds(&dataset), [vec![12, 1, 2, 3, 4, 6, 7, 8, 9, 11], vec![5, 10]]);
    assert_eq!(dataset.train.labels()[..3], [0, 1, 1]);
    assert_eq!(dataset.test.labels(), [1, 1]);
    assert!(notes.len() == 1 && notes[0].contains("every fifth"), "{notes:?}");
    // Nothing depends on the order in which threads or the system list and decode.
    assert_eq!(folder::load(dir.path(), [1, 1]).unwrap().0.checksum, dataset.checksum);
}

#[test]
fn pictures_get_the_size() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png"]);
    RgbImage::from_fn(20, 10, |x, _| Rgb([if x < 10 { 0 } else { 200 }, 0, 0]))
        .save(dir.path().join("test/a/0.png"))
        .unwrap();
    let (dataset, _) = folder::load(dir.path(), [6, 8]).unwrap();
    assert_eq!(dataset.image_shape, [6, 8, 3]);
    assert_eq!((dataset.train.len(), dataset.test.len()), (2, 2));
    let image = dataset.test.image(0).unwrap();
    assert!(image.len() == 6 * 8 * 3 && image[0] == 0 && image[7 * 3] == 200, "{image:?}");
    assert!(dataset.test.image(1).unwrap().iter().copied().step_by(3).all(|red| red == 3));
}

#[test]
fn broken_pictures_are_left_out_and_named() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"]);
    fs::write(dir.path().join("train/a/0.png"), b"broken").unwrap();
    fs::write(dir.path().join("test/a/2.jpg"), b"").unwrap();
    let (dataset, notes) = folder::load(dir.path(), [1, 1]).unwrap();
    assert_eq!(reds(&dataset), [[2, 1], [3, 4]]);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("0.png") && notes[1].contains("2.jpg") && notes[2].contains("2 of 6"), "{notes:?}");

    fs::write(dir.path().join("train/a/1.png"), b"broken").unwrap();
    error(dir.path(), &["class `a`", "0.png"]);
    write(dir.path(), "train/a/1.png", 1);
    fs::write(dir.path().join("test/a/1.png"), b"broken").unwrap();
    fs::write(dir.path().join("test/b/1.png"), b"broken").unwrap();
    error(dir.path(), &["test pictures", "1.png"]);
}

#[test]
fn trees_without_a_meaning_are_errors() {
    error(Path::new("no/such/place"), &["no/such/place"]);
    let dir = tree(&["1.png", "a/1.png"]);
    assert!(matches!(error(dir.path(), &["1 classes"]), DataError::ClassCount { .. }));
    let dir = tree(&["a/1.png", "a/2.png", "b/1.png"]);
    assert!(matches!(error(dir.path(), &["five pictures"]), DataError::NoTestPictures { .. }));
    fs::create_dir(dir.path().join("c")).unwrap();
    assert!(matches!(error(dir.path(), &["c holds no pictures"]), DataError::NoPictures { .. }));
    let dir = tree(&["train/a/1.png", "train/b/1.png"]);
    assert!(matches!(error(dir.path(), &["`test`"]), DataError::NoTestPictures { .. }));
    fs::create_dir_all(dir.path().join("test/a")).unwrap();
    assert!(matches!(error(dir.path(), &["test holds no pictures"]), DataError::NoPictures { .. }));
    write(dir.path(), "test/z/1.png", 1);
    assert!(matches!(error(dir.path(), &["z is no class", "train"]), DataError::UnknownClass { .. }));
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png"]);
    let huge = folder::load(dir.path(), [usize::MAX / 2, 4096]).unwrap_err();
    assert!(matches!(huge, DataError::Memory { .. }), "{huge}");
}

#[test]
fn labels_have_two_bytes_in_the_checksum_only_where_they_need_them() {
    use wgrad::data::Split;
    let set = |classes: usize, label: u16| {
        let split = || Split::new([1, 1, 1], vec![0], vec![label]);
        Dataset::new("x", "", (0..classes).map(|class| class.to_string()), split(), split()).checksum
    };
    assert_eq!(set(256, 1), set(2, 1));
    assert_ne!(set(257, 256), set(257, 0));
    assert_ne!(set(257, 0), set(256, 0));
}
