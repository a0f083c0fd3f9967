//! The data sets as a user meets them: broken files, broken downloads, and good ones.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use flate2::{Compression, write::GzEncoder};
use md5::{Digest, Md5};
use tempfile::TempDir;
use wgrad::data::{
    Cifar, DataError, Places,
    cifar::{CIFAR10, CIFAR100},
    download::Archive,
    select::cifar10_or_shapes,
    shapes,
};

/// CIFAR-10 with few records.
static TEN: Cifar = Cifar {
    train: &[
        ("data_batch_1.bin", 20),
        ("data_batch_2.bin", 20),
        ("data_batch_3.bin", 20),
        ("data_batch_4.bin", 20),
        ("data_batch_5.bin", 20),
    ],
    test: &[("test_batch.bin", 20)],
    ..CIFAR10
};
/// CIFAR-100 with few records.
static HUNDRED: Cifar = Cifar { train: &[("train.bin", 50)], test: &[("test.bin", 10)], ..CIFAR100 };

/// A directory with a set's files, all zeros: label 0 and black throughout.
fn black_set(set: &Cifar) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in set.files() {
        File::create(dir.path().join(name)).unwrap().set_len(bytes).unwrap();
    }
    dir
}

fn set_len(dir: &TempDir, file: &str, len: u64) -> PathBuf {
    let path = dir.path().join(file);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(len).unwrap();
    path
}

fn poke(dir: &TempDir, file: &str, offset: u64, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(file);
    let mut file = File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
    path
}

/// A gzipped tar of the given members, and its description.
fn archive(set: &'static Cifar, members: &[(&str, u64)]) -> (Vec<u8>, Archive) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, len) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(*len);
        header.set_mode(0o644);
        let path = format!("{}/{name}", set.directory);
        tar.append_data(&mut header, path, std::io::repeat(3).take(*len)).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let md5 = Md5::digest(&bytes);
    let archive = Archive {
        set,
        url: String::new(),
        bytes: bytes.len() as u64,
        md5: md5.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    (bytes, archive)
}

/// An archive of all files of a set, every byte of them 3.
fn whole_archive(set: &'static Cifar) -> (Vec<u8>, Archive) {
    archive(set, &set.files().collect::<Vec<_>>())
}

/// Answers one request with a promise of `promised` bytes and then `body`; returns its address.
fn serve(promised: usize, body: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/set.tar.gz", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = BufReader::new(stream.try_clone().unwrap());
        for line in request.lines() {
            if line.unwrap().is_empty() {
                break;
            }
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // The client may hang up early, as it should where it is promised the wrong length.
        let _ = stream.write_all(&body);
    });
    (url, server)
}

/// An address at which nothing listens.
fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/set.tar.gz", listener.local_addr().unwrap())
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// Asserts that the message is one line that names all of `parts`.
fn says(error: &DataError, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn official_sets_have_their_published_sizes() {
    let files: Vec<_> = CIFAR10.files().collect();
    assert_eq!(files.len(), 6);
    assert!(files.iter().all(|(_, bytes)| *bytes == 30_730_000), "{files:?}");
    let files: Vec<_> = CIFAR100.files().collect();
    assert_eq!(files, [("train.bin", 153_700_000), ("test.bin", 30_740_000)]);
    for (set, classes) in [(CIFAR10, 10), (CIFAR100, 100)] {
        assert_eq!(set.class_names.len(), classes);
        assert!(set.class_names.is_sorted(), "label order is that of the alphabet");
        assert!(set.archive_md5.len() == 32 && set.archive_md5.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}

#[test]
fn planes_become_interleaved_pixels() {
    for (set, labels) in [(&TEN, &[7][..]), (&HUNDRED, &[19, 77])] {
        let dir = black_set(set);
        let (file, record) = (set.test[0].0, set.record_bytes() as u64);
        // Record 1 of the test file: its labels, and the first two pixels of each plane.
        poke(&dir, file, record, labels);
        for (plane, bytes) in [[10, 11], [20, 21], [30, 31]].iter().enumerate() {
            poke(&dir, file, record + labels.len() as u64 + 1024 * plane as u64, bytes);
        }
        let read = set.load(dir.path()).unwrap();
        assert_eq!(read.name, set.name);
        assert_eq!(read.class_names, set.class_names);
        assert_eq!((read.train.len(), read.test.len()), (if set == &TEN { 100 } else { 50 }, set.test[0].1));
        assert_eq!(read.image_shape, [32, 32, 3]);
        let label = u16::from(labels[labels.len() - 1]);
        assert_eq!(read.test.labels()[..3], [0, label, 0]);
        let image = read.test.image(1).unwrap();
        assert_eq!(image[..9], [10, 20, 30, 11, 21, 31, 0, 0, 0]);
        assert_eq!(read.test.image(set.test[0].1), None);
        assert_eq!(read.checksum.len(), 64);
        assert_eq!(read.test.take(2).labels(), [0, label]);
    }
}

#[test]
fn missing_directory() {
    for set in [&CIFAR10, &CIFAR100] {
        let error = set.load(Path::new("no/such/place")).unwrap_err();
        assert!(matches!(error, DataError::MissingDirectory { .. }));
        says(&error, &["no/such/place", set.title, "--data-dir", set.variable]);
    }
}

#[test]
fn missing_file() {
    for (set, file) in [(&TEN, "data_batch_3.bin"), (&HUNDRED, "test.bin")] {
        let dir = black_set(set);
        fs::remove_file(dir.path().join(file)).unwrap();
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::MissingFile { .. }));
        says(&error, &[file, set.archive, "put all"]);
    }
}

#[test]
fn truncated_file() {
    for set in [&TEN, &HUNDRED] {
        let dir = black_set(set);
        let (file, bytes) = set.files().next().unwrap();
        let path = set_len(&dir, file, bytes - 1);
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::Truncated { .. }));
        let path = path.display().to_string();
        says(&error, &[&path, &(bytes - 1).to_string(), &bytes.to_string(), "again"]);
    }
}

#[test]
fn wrong_size() {
    for set in [&TEN, &HUNDRED] {
        let dir = black_set(set);
        let (file, bytes) = set.files().next().unwrap();
        set_len(&dir, file, bytes + 1);
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::WrongSize { .. }));
        says(&error, &[file, &(bytes + 1).to_string(), &bytes.to_string(), set.title]);
    }
}

#[test]
fn label_past_the_classes() {
    for (set, file, value, message) in
        [(&TEN, "data_batch_2.bin", 10, "label 10, above 9"), (&HUNDRED, "train.bin", 100, "label 100, above 99")]
    {
        let dir = black_set(set);
        poke(&dir, file, (12 * set.record_bytes() + set.label_bytes - 1) as u64, &[value]);
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::BadLabel { .. }));
        says(&error, &[file, "record 12", message, set.title]);
    }
}

#[test]
fn good_download_is_unpacked_and_loaded() {
    for set in [&TEN, &HUNDRED] {
        let (body, mut archive) = whole_archive(set);
        let (url, server) = serve(body.len(), body);
        archive.url = url;
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().join("wgrad").join(set.name);
        let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.clone()), archive };
        let fetched = places.find_or_fetch().unwrap();
        server.join().unwrap();
        assert_eq!(fetched.train.labels()[49], 3);
        assert_eq!(entries(&cache), 1, "the archive or a temporary file is left");
        assert_eq!(entries(&cache.join(set.directory)), set.files().count());
        // The server is gone: this comes from the cache.
        let again = places.find_or_fetch().unwrap();
        assert_eq!(again.checksum, fetched.checksum);
    }
}

#[test]
fn interrupted_download_leaves_nothing() {
    let (mut body, mut archive) = whole_archive(&TEN);
    let whole = body.len();
    body.truncate(whole / 2);
    let (url, server) = serve(whole, body);
    archive.url = url;
    let dir = tempfile::tempdir().unwrap();
    let error = archive.fetch(dir.path()).unwrap_err();
    server.join().unwrap();
    assert!(matches!(error, DataError::Interrupted { .. }), "{error}");
    says(&error, &[&archive.url, &whole.to_string(), "try again"]);
    assert_eq!(entries(dir.path()), 0);
}

#[test]
fn download_of_another_length_is_refused() {
    let (body, mut archive) = whole_archive(&TEN);
    archive.bytes += 1;
    let (url, server) = serve(body.len(), body);
    archive.url = url;
    let dir = tempfile::tempdir().unwrap();
    let error = archive.fetch(dir.path()).unwrap_err();
    server.join().unwrap();
    assert!(matches!(error, DataError::ArchiveLength { .. }), "{error}");
}

#[test]
fn corrupt_download_leaves_nothing() {
    let (mut body, mut archive) = whole_archive(&TEN);
    let middle = body.len() / 2;
    body[middle] ^= 1;
    let (url, server) = serve(body.len(), body);
    archive.url = url;
    let dir = tempfile::tempdir().unwrap();
    let error = archive.fetch(dir.path()).unwrap_err();
    server.join().unwrap();
    assert!(matches!(error, DataError::ArchiveChecksum { .. }), "{error}");
    assert_eq!(entries(dir.path()), 0);
}

#[test]
fn corrupt_archive_given_by_the_user() {
    let (mut body, archive) = whole_archive(&TEN);
    let middle = body.len() / 2;
    body[middle] ^= 1;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(TEN.archive), body).unwrap();
    let places = Places { data_dir: Some(dir.path().into()), env_dir: None, cache_dir: None, archive };
    let error = places.find_or_fetch().unwrap_err();
    says(&error, &[TEN.archive, &places.archive.md5, "delete it"]);
    // A broken set the user named is never replaced by another one.
    let error = cifar10_or_shapes(&places).unwrap_err();
    assert!(matches!(error, DataError::ArchiveChecksum { .. }), "{error}");
}

#[test]
fn archive_given_by_the_user_is_unpacked() {
    for set in [&TEN, &HUNDRED] {
        let (body, archive) = whole_archive(set);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(set.archive), body).unwrap();
        let places = Places { data_dir: None, env_dir: Some(dir.path().into()), cache_dir: None, archive };
        let read = places.find_or_fetch().unwrap();
        assert_eq!(read.test.labels()[9], 3);
        for (name, bytes) in set.files() {
            let unpacked = fs::read(dir.path().join(set.directory).join(name)).unwrap();
            assert_eq!(unpacked, vec![3; bytes as usize]);
        }
    }
}

#[test]
fn archive_members_of_another_size_or_missing_are_refused() {
    let mut members: Vec<_> = TEN.files().collect();
    members[3].1 -= 1;
    let fewer: Vec<_> = HUNDRED.files().take(1).collect();
    let short = format!("data_batch_4.bin has {} bytes instead of", members[3].1);
    for (set, members, part) in [(&TEN, members, short.as_str()), (&HUNDRED, fewer, "test.bin missing")] {
        let (body, archive) = archive(set, &members);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(set.archive);
        fs::write(&path, body).unwrap();
        let error = archive.unpack(&path, dir.path()).unwrap_err();
        says(&error, &[part, set.title]);
    }
}

#[test]
fn unreachable_server_means_shapes_only_where_allowed() {
    let (_, mut archive) = archive(&TEN, &[]);
    archive.url = dead_url();
    let cache = tempfile::tempdir().unwrap();
    let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.path().into()), archive };
    let error = places.find_or_fetch().unwrap_err();
    let cache = cache.path().display().to_string();
    says(&error, &["--data-dir", "CIFAR10_DIR", &cache, &places.archive.url]);

    let (set, warning) = cifar10_or_shapes(&places).unwrap();
    assert_eq!(set.name, "shapes");
    assert_eq!(set.train.len(), shapes::TRAIN_IMAGES);
    let warning = warning.unwrap();
    assert!(warning.contains("NOT on CIFAR-10") && !warning.contains('\n'));

    let named = Places { env_dir: Some("no/such/place".into()), ..places };
    let error = cifar10_or_shapes(&named).unwrap_err();
    assert!(matches!(error, DataError::MissingDirectory { .. }));
}
