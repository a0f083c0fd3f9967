//! Directories of pictures as data sets: which pictures are read, in which order, and what is wrong with a tree.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use tempfile::TempDir;
use wgrad::data::{DataError, Dataset, FolderOptions, Opened, Split, folder, left_out::Reason};

mod command;

use command::{ADAPTER, fails, stderr, stdout, succeeds, wgrad};

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

/// A directory read as pictures of one pixel.
fn load(dir: &Path) -> Result<Opened, DataError> {
    folder::load(dir, FolderOptions { shape: [1, 1, 3], recursive: false, strict: false })
}

fn recursive(dir: &Path) -> Opened {
    folder::load(dir, FolderOptions { shape: [1, 1, 3], recursive: true, strict: false }).unwrap()
}

fn strict(dir: &Path) -> Result<Opened, DataError> {
    folder::load(dir, FolderOptions { shape: [1, 1, 3], recursive: false, strict: true })
}

fn reds(dataset: &Dataset) -> [Vec<u8>; 2] {
    [&dataset.train, &dataset.test].map(|split| split_reds(split))
}

fn split_reds(split: &Split) -> Vec<u8> {
    split.pixels().iter().copied().step_by(3).collect()
}

fn error(dir: &Path, parts: &[&str]) -> DataError {
    let error = load(dir).unwrap_err();
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    error
}

#[test]
fn splits_in_directories_of_their_own() {
    let names =
        [("train", "test"), ("train", "val"), ("training", "testing"), ("Train", "VALID"), ("TRAINING", "validation")];
    for (train, test) in names {
        let names = ["b/1.png", "b/2.JPG", "a/3.jpeg", "c/4.png", "d/5.png"].map(|name| format!("{train}/{name}"));
        let tests = ["c/6.png", "a/7.png", "c/8.png"].map(|name| format!("{test}/{name}"));
        let names: Vec<_> = names.iter().chain(&tests).map(String::as_str).collect();
        let dir = tree(&names);
        fs::create_dir(dir.path().join(test).join("unknown but empty")).unwrap();
        fs::write(dir.path().join("README.txt"), b"notes").unwrap();
        fs::write(dir.path().join(train).join("labels.csv"), b"notes").unwrap();

        let Opened { dataset, notes, left_out } = load(dir.path()).unwrap();
        assert!(left_out.is_empty(), "{left_out}");
        assert_eq!((dataset.name.as_str(), dataset.origin.as_str()), ("folder", dir.path().to_str().unwrap()));
        assert_eq!(dataset.class_names, ["a", "b", "c", "d"]);
        // The first of each class, then the second.
        assert_eq!(reds(&dataset), [vec![3, 1, 4, 5, 2], vec![7, 6, 8]]);
        assert_eq!(dataset.train.labels(), [0, 1, 2, 3, 1]);
        assert_eq!(dataset.test.labels(), [0, 2, 2]);
        assert_eq!(dataset.image_shape, [1, 1, 3]);
        assert!(dataset.validation.is_none());
        let judges = notes.iter().any(|note| note.starts_with("Tests are on ") && note.contains(test));
        assert_eq!(judges, test != "test" && test != "testing", "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("no test pictures of `b`, `d`")), "{notes:?}");
        assert!(strict(dir.path()).is_ok());
    }
}

#[test]
fn a_directory_for_validation_beside_one_for_testing_is_the_validation_set() {
    for validation in ["val", "valid", "validation", "Validation"] {
        let names = ["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"];
        let dir = tree(&names);
        let before = load(dir.path()).unwrap().dataset;
        write(dir.path(), &format!("{validation}/b/5.png"), 5);
        let Opened { dataset, notes, left_out } = load(dir.path()).unwrap();
        assert_eq!(reds(&dataset), [[1, 2], [3, 4]]);
        let split = dataset.validation.as_ref().unwrap();
        assert_eq!((split_reds(split), split.labels()), (vec![5], &[1][..]));
        assert!(notes.len() == 1 && notes[0].contains("no validation pictures of `a`"), "{notes:?}");
        assert!(left_out.is_empty(), "{left_out}");
        // They are data of the run too.
        assert_ne!(dataset.checksum.get(), before.checksum.get());
    }
    // An empty directory is none.
    let dir = tree(&["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"]);
    fs::create_dir(dir.path().join("val")).unwrap();
    assert!(load(dir.path()).unwrap().dataset.validation.is_none());
    let dir = tree(&["train/a/1.png", "train/b/2.png", "val/a/3.png", "valid/b/4.png"]);
    assert!(matches!(
        error(dir.path(), &["val and ", "valid are names of the same split"]),
        DataError::SameSplit { .. }
    ));
}

/// Whatever is in a tree is read, or counted.
#[test]
fn what_is_left_out_is_counted_by_reason() {
    let names =
        ["train/a/1.png", "train/b/2.png", "train/b/no ending", "train/b/3.txt", "test/a/4.png", "test/b/5.png"];
    let dir = tree(&names);
    let ordinary = load(dir.path()).unwrap();
    assert!(ordinary.left_out.is_empty() && ordinary.notes.is_empty(), "{ordinary:?}");
    assert_eq!(reds(&ordinary.dataset)[0], [1, 2, 4, 3]);

    write(dir.path(), "train/a/part/6.png", 6);
    write(dir.path(), "test/a/part/deep/7.png", 7);
    write(dir.path(), "train/8.png", 8);
    write(dir.path(), "9.png", 9);
    write(dir.path(), "train/a/.hidden.png", 10);
    write(dir.path(), "other/d/11.png", 11);
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("train/a/notes.txt"), b"notes").unwrap();
    fs::write(dir.path().join("test/b/1.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    // Its ending lies.
    fs::write(dir.path().join("train/b/2.jpg"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    fs::write(dir.path().join("train/b/3.jpg"), b"broken").unwrap();
    let expected = [
        (Reason::Subdirectory, 2),
        (Reason::Classless, 2),
        (Reason::NoSplit, 1),
        (Reason::Hidden, 1),
        (Reason::Heic, 2),
        (Reason::NotPicture, 1),
        (Reason::Broken, 1),
    ];
    let Opened { dataset, notes, left_out } = load(dir.path()).unwrap();
    for (reason, count) in expected {
        assert_eq!(left_out.count(reason), count, "{reason:?}: {left_out}");
    }
    let summary = left_out.to_string();
    assert!(!summary.contains('\n') && summary.contains("2 in sub-directories") && summary.contains("heif-convert"));
    assert!(notes.len() == 1 && notes[0].contains("3.jpg"), "{notes:?}");
    // What could be read before is read as before.
    assert_eq!(dataset.checksum.get(), ordinary.dataset.checksum.get());
    let error = strict(dir.path()).unwrap_err();
    assert!(
        matches!(error, DataError::LeftOut { .. }) && error.to_string().contains("2 in sub-directories"),
        "{error}"
    );

    let Opened { dataset, left_out, .. } = recursive(dir.path());
    assert_eq!(left_out.count(Reason::Subdirectory), 0);
    assert_eq!(reds(&dataset), [vec![1, 6, 2, 4, 3], vec![5, 6, 7]]);
}

#[test]
fn a_broken_picture_alone_is_enough_for_strict() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"]);
    fs::write(dir.path().join("train/a/0.png"), b"broken").unwrap();
    let error = strict(dir.path()).unwrap_err();
    assert!(matches!(error, DataError::LeftOut { .. }) && error.to_string().contains("0.png"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_to_pictures_classes_and_splits_are_followed() {
    use std::os::unix::fs::symlink;

    let dir = tree(&["all/a/1.png", "all/a/2.png", "all/b/3.png"]);
    let ordinary = tree(&["train/a/1.png", "train/a/2.png", "train/b/3.png"]);
    for (i, class) in ["a", "b"].into_iter().enumerate() {
        fs::create_dir_all(ordinary.path().join("test").join(class)).unwrap();
        fs::copy(dir.path().join("all/a/1.png"), ordinary.path().join(format!("test/{class}/{i}.png"))).unwrap();
    }
    let linked = tempfile::tempdir().unwrap();
    symlink(dir.path().join("all"), linked.path().join("train")).unwrap();
    fs::create_dir_all(linked.path().join("test/a")).unwrap();
    symlink(dir.path().join("all/a/1.png"), linked.path().join("test/a/0.png")).unwrap();
    let far = tree(&["1.png"]);
    symlink(far.path(), linked.path().join("test/b")).unwrap();

    let read = load(linked.path()).unwrap();
    assert!(read.left_out.is_empty() && read.notes.is_empty(), "{read:?}");
    assert_eq!(read.dataset.checksum.get(), load(ordinary.path()).unwrap().dataset.checksum.get());

    symlink("..", linked.path().join("test/a/loop")).unwrap();
    symlink("nowhere", linked.path().join("test/a/dead.png")).unwrap();
    for opened in [load(linked.path()).unwrap(), recursive(linked.path())] {
        assert_eq!([Reason::Loop, Reason::DeadLink].map(|reason| opened.left_out.count(reason)), [1, 1]);
        assert_eq!(opened.dataset.checksum.get(), read.dataset.checksum.get());
    }
}

#[test]
fn classes_too_small_for_a_test_picture_are_named() {
    let names: Vec<_> =
        "abcdefghijkl".chars().flat_map(|class| (0..4).map(move |i| format!("{class}/{i}.png"))).collect();
    let big: Vec<_> = (0..5).map(|i| format!("x/{i}.png")).collect();
    let dir = tree(&names.iter().chain(&big).map(String::as_str).collect::<Vec<_>>());
    let notes = load(dir.path()).unwrap().notes;
    let warning = notes.iter().find(|note| note.starts_with("WARNING")).unwrap();
    for part in ["`a`, `b`, ", "`j` and 2 more classes", "every fifth"] {
        assert!(warning.contains(part), "{warning}");
    }
    assert!(!warning.contains("`x`"), "{warning}");
}

#[test]
fn without_a_test_directory_every_fifth_picture_is_for_testing() {
    let names: Vec<_> = (0..11).map(|i| format!("train/{i:02}.png")).chain(["cat/x.png".into()]).collect();
    let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let Opened { dataset, notes, .. } = load(dir.path()).unwrap();
    assert_eq!(dataset.class_names, ["cat", "train"]);
    assert_eq!(reds(&dataset), [vec![12, 1, 2, 3, 4, 6, 7, 8, 9, 11], vec![5, 10]]);
    assert_eq!(dataset.train.labels()[..3], [0, 1, 1]);
    assert_eq!(dataset.test.labels(), [1, 1]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("every fifth") && notes[1].contains("no test pictures of `cat`"), "{notes:?}");
    // Nothing depends on the order in which threads or the system list and decode.
    assert_eq!(load(dir.path()).unwrap().dataset.checksum.get(), dataset.checksum.get());
}

#[test]
fn pictures_get_the_size() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png"]);
    RgbImage::from_fn(20, 10, |x, _| Rgb([if x < 10 { 0 } else { 200 }, 0, 0]))
        .save(dir.path().join("test/a/0.png"))
        .unwrap();
    let options = FolderOptions { shape: [6, 8, 3], recursive: false, strict: false };
    let dataset = folder::load(dir.path(), options).unwrap().dataset;
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
    let Opened { dataset, notes, left_out } = load(dir.path()).unwrap();
    assert_eq!(reds(&dataset), [[2, 1], [3, 4]]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("0.png") && notes[1].contains("2.jpg"), "{notes:?}");
    assert!(left_out.to_string().starts_with("2 pictures that cannot be decoded (such as "), "{left_out}");

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
    assert!(matches!(error(dir.path(), &["1 directories of classes"]), DataError::ClassCount { .. }));
    let dir = tree(&["a/1.png", "a/2.png", "b/1.png"]);
    assert!(matches!(error(dir.path(), &["no class has five"]), DataError::NoTestPictures { .. }));
    fs::create_dir(dir.path().join("c")).unwrap();
    assert!(matches!(error(dir.path(), &["c holds no pictures"]), DataError::NoPictures { .. }));
    let dir = tree(&["train/a/1.png", "train/b/1.png"]);
    assert!(matches!(error(dir.path(), &["`test` or `val`"]), DataError::NoTestDirectory { .. }));
    fs::create_dir_all(dir.path().join("test/a")).unwrap();
    assert!(matches!(error(dir.path(), &["test holds no pictures; "]), DataError::NoPictures { .. }));
    // A test set that no directory sorts into classes.
    write(dir.path(), "test/1.png", 1);
    error(dir.path(), &["test holds no pictures (left out: 1 outside the directories of the classes"]);
    write(dir.path(), "test/z/1.png", 1);
    assert!(matches!(
        error(dir.path(), &["z is a class without training pictures", "train"]),
        DataError::UnknownClass { .. }
    ));
    for split in ["test", "Valid"] {
        let dir = tree(&[&format!("{split}/a/1.png"), &format!("{split}/b/1.png"), "x/1.png"]);
        let error = error(dir.path(), &["no training pictures", "`train` beside", split]);
        assert!(matches!(error, DataError::NoTrainPictures { .. }));
    }
    let dir = tree(&["a/part/1.png", "a/part/2.png", "b/1.png"]);
    error(dir.path(), &["a holds no pictures (left out: 2 in sub-directories"]);
}

#[test]
fn splits_without_classes_are_taken_for_classes_but_not_silently() {
    let names: Vec<_> = (0..5).flat_map(|i| ["train", "test"].map(|split| format!("{split}/{i}.png"))).collect();
    let dir = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let Opened { dataset, notes, .. } = load(dir.path()).unwrap();
    assert_eq!(dataset.class_names, ["test", "train"]);
    assert!(notes[0].starts_with("WARNING: the classes are `test`, `train`"), "{notes:?}");
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    let dir = tree(&["train/a/1.png", "train/b/1.png", "test/a/1.png"]);
    let options = FolderOptions { shape: [usize::MAX / 2, 4096, 3], recursive: false, strict: false };
    let huge = folder::load(dir.path(), options).unwrap_err();
    assert!(matches!(huge, DataError::Memory { .. }), "{huge}");
}

#[test]
fn labels_have_two_bytes_in_the_checksum_only_where_they_need_them() {
    let set = |classes: usize, label: u16| {
        let split = || Split::new([1, 1, 1], vec![0], vec![label]);
        Dataset::new("x", "", (0..classes).map(|class| class.to_string()), split(), split()).checksum.get().to_owned()
    };
    assert_eq!(set(256, 1), set(2, 1));
    assert_ne!(set(257, 256), set(257, 0));
    assert_ne!(set(257, 0), set(256, 0));
}

/// What a user sees of it: one line, or an error before anything is computed.
#[test]
fn the_commands_say_in_one_line_what_is_left_out() {
    let dir = tree(&["train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png", "train/a/part/5.png"]);
    fs::write(dir.path().join("train/b/notes.txt"), b"notes").unwrap();
    let out = tempfile::tempdir().unwrap();
    let model = out.path().join("flat.toml");
    fs::write(&model, "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n").unwrap();
    let train = |options: &str| {
        let mut command =
            wgrad(&format!("train {ADAPTER} --image-size 2 --epochs 1 --no-report --overwrite {options}"));
        command.arg("--model").arg(&model).arg("--out").arg(out.path().join("run"));
        command.arg("--dataset").arg(format!("folder:{}", dir.path().display()));
        command
    };
    let said =
        |output| stderr(&output).lines().filter(|line| line.contains("left out")).map(String::from).collect::<Vec<_>>();
    let parts = ["1 in sub-directories of a class", "--recursive", "1 file that is not a picture", "notes.txt"];
    let lines = said(succeeds(&mut train("")));
    assert!(lines.len() == 1 && parts.iter().all(|part| lines[0].contains(part)), "{lines:?}");
    assert_eq!(fails(&mut train("--strict"), &parts), 3);

    let lines = said(succeeds(&mut train("--recursive")));
    assert!(lines.len() == 1 && !lines[0].contains("sub-directories"), "{lines:?}");
    let output = succeeds(&mut train("--recursive"));
    assert!(stdout(&output).contains(" 3 training and 2 test images"), "{}", stdout(&output));

    // Predicting searches the whole tree.
    let weights = out.path().join("run/weights.safetensors");
    let predict = |options: &str| {
        let mut command = wgrad(&format!("predict {ADAPTER} {options} --weights"));
        command.arg(&weights).arg(dir.path());
        command
    };
    let output = succeeds(&mut predict(""));
    assert_eq!(stdout(&output).lines().count(), 5);
    let lines = said(output);
    assert!(lines.len() == 1 && lines[0].contains("1 file that is not a picture"), "{lines:?}");
    assert_eq!(fails(&mut predict("--strict"), &["notes.txt", "--strict"]), 3);
    fs::remove_file(dir.path().join("train/b/notes.txt")).unwrap();
    assert!(said(succeeds(&mut predict("--strict"))).is_empty());
}
