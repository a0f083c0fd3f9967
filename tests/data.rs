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
    Choice, DataError,
    cifar10::{self, DIRECTORY, FILE_BYTES, FILES, Places},
    download::{ARCHIVE_NAME, Archive},
    select, shapes,
};

/// A directory with the six files, all zeros and sparse: label 0 and black throughout.
fn black_set() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        let file = File::create(dir.path().join(file)).unwrap();
        file.set_len(FILE_BYTES).unwrap();
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
fn archive(members: &[(&str, u64)], member_bytes: u64) -> (Vec<u8>, Archive) {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, len) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(*len);
        header.set_mode(0o644);
        let path = format!("{DIRECTORY}/{name}");
        tar.append_data(&mut header, path, std::io::repeat(3).take(*len)).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let md5 = Md5::digest(&bytes);
    let archive = Archive {
        url: String::new(),
        bytes: bytes.len() as u64,
        md5: md5.iter().map(|byte| format!("{byte:02x}")).collect(),
        member_bytes,
    };
    (bytes, archive)
}

fn six_members(member_bytes: u64) -> Vec<(&'static str, u64)> {
    FILES.iter().map(|&name| (name, member_bytes)).collect()
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
fn planes_become_interleaved_pixels() {
    let dir = black_set();
    // Record 1 of the test file: label 7, and the first two pixels of each plane.
    for (offset, bytes) in [(0, [7, 10, 11]), (1024, [0, 20, 21]), (2048, [0, 30, 31])] {
        let bytes = if offset == 0 { &bytes[..] } else { &bytes[1..] };
        let skip = u64::from(offset != 0);
        poke(&dir, FILES[5], 3073 + offset + skip, bytes);
    }
    let set = cifar10::load(dir.path()).unwrap();
    assert_eq!((set.train.len(), set.test.len()), (50_000, 10_000));
    assert_eq!(set.image_shape, [32, 32, 3]);
    assert_eq!(set.test.labels()[..3], [0, 7, 0]);
    let image = set.test.image(1).unwrap();
    assert_eq!(image[..9], [10, 20, 30, 11, 21, 31, 0, 0, 0]);
    assert_eq!(set.test.image(10_000), None);
    assert_eq!(set.checksum.len(), 64);
    assert_eq!(set.test.take(2).labels(), [0, 7]);
}

#[test]
fn missing_directory() {
    let error = cifar10::load(Path::new("no/such/place")).unwrap_err();
    assert!(matches!(error, DataError::MissingDirectory { .. }));
    says(&error, &["no/such/place", "--data-dir"]);
}

#[test]
fn missing_file() {
    let dir = black_set();
    fs::remove_file(dir.path().join(FILES[2])).unwrap();
    let error = cifar10::load(dir.path()).unwrap_err();
    assert!(matches!(error, DataError::MissingFile { .. }));
    says(&error, &["data_batch_3.bin", "put all six"]);
}

#[test]
fn truncated_file() {
    let dir = black_set();
    let path = set_len(&dir, FILES[0], 30_000_000);
    let error = cifar10::load(dir.path()).unwrap_err();
    assert!(matches!(error, DataError::Truncated { .. }));
    let path = path.display().to_string();
    says(&error, &[&path, "30000000", "30730000", "again"]);
}

#[test]
fn wrong_size() {
    let dir = black_set();
    set_len(&dir, FILES[0], FILE_BYTES + 1);
    let error = cifar10::load(dir.path()).unwrap_err();
    assert!(matches!(error, DataError::WrongSize { .. }));
    says(&error, &["data_batch_1.bin", "30730001", "30730000"]);
}

#[test]
fn label_above_nine() {
    let dir = black_set();
    poke(&dir, FILES[1], 3073 * 1234, &[11]);
    let error = cifar10::load(dir.path()).unwrap_err();
    assert!(matches!(error, DataError::BadLabel { .. }));
    says(&error, &["data_batch_2.bin", "record 1234", "label 11"]);
}

#[test]
fn good_download_is_unpacked_and_loaded() {
    let (body, mut archive) = archive(&six_members(FILE_BYTES), FILE_BYTES);
    let (url, server) = serve(body.len(), body);
    archive.url = url;
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("wgrad/cifar10");
    let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.clone()), archive };
    let fetched = places.find_or_fetch().unwrap();
    server.join().unwrap();
    assert_eq!(fetched.train.labels()[49_999], 3);
    assert_eq!(entries(&cache), 1, "the archive or a temporary file is left");
    assert_eq!(entries(&cache.join(DIRECTORY)), 6);
    // The server is gone: this comes from the cache.
    let again = places.find_or_fetch().unwrap();
    assert_eq!(again.checksum, fetched.checksum);
}

#[test]
fn interrupted_download_leaves_nothing() {
    let (mut body, mut archive) = archive(&six_members(5000), 5000);
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
    let (body, mut archive) = archive(&six_members(5000), 5000);
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
    let (mut body, mut archive) = archive(&six_members(5000), 5000);
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
    let (mut body, archive) = archive(&six_members(5000), 5000);
    let middle = body.len() / 2;
    body[middle] ^= 1;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(ARCHIVE_NAME), body).unwrap();
    let places = Places { data_dir: Some(dir.path().into()), env_dir: None, cache_dir: None, archive };
    let error = places.find_or_fetch().unwrap_err();
    says(&error, &[ARCHIVE_NAME, &places.archive.md5, "delete it"]);
    // A broken set the user named is never replaced by another one.
    let error = select::open_in(Choice::Auto, &places).unwrap_err();
    assert!(matches!(error, DataError::ArchiveChecksum { .. }), "{error}");
}

#[test]
fn archive_given_by_the_user_is_unpacked() {
    let (body, archive) = archive(&six_members(5000), 5000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(ARCHIVE_NAME);
    fs::write(&path, body).unwrap();
    archive.unpack(&path, dir.path()).unwrap();
    for file in FILES {
        let bytes = fs::read(dir.path().join(DIRECTORY).join(file)).unwrap();
        assert_eq!(bytes, vec![3; 5000]);
    }
}

#[test]
fn archive_members_of_another_size_or_missing_are_refused() {
    let mut members = six_members(5000);
    members[3].1 = 4999;
    let mut fewer = six_members(5000);
    fewer.pop();
    for (members, part) in [(members, "data_batch_4.bin has 4999"), (fewer, "test_batch")] {
        let (body, archive) = archive(&members, 5000);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ARCHIVE_NAME);
        fs::write(&path, body).unwrap();
        let error = archive.unpack(&path, dir.path()).unwrap_err();
        says(&error, &[part]);
    }
}

#[test]
fn unreachable_server_means_shapes_only_where_allowed() {
    let (_, mut archive) = archive(&[], 5000);
    archive.url = dead_url();
    let cache = tempfile::tempdir().unwrap();
    let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.path().into()), archive };
    let error = select::open_in(Choice::Cifar10, &places).unwrap_err();
    let cache = cache.path().display().to_string();
    says(&error, &["--data-dir", "CIFAR10_DIR", &cache, &places.archive.url]);

    let (set, warning) = select::open_in(Choice::Auto, &places).unwrap();
    assert_eq!(set.name, "shapes");
    assert_eq!(set.train.len(), shapes::TRAIN_IMAGES);
    let warning = warning.unwrap();
    assert!(warning.contains("NOT on CIFAR-10") && !warning.contains('\n'));

    let named = Places { env_dir: Some("no/such/place".into()), ..places };
    let error = select::open_in(Choice::Auto, &named).unwrap_err();
    assert!(matches!(error, DataError::MissingDirectory { .. }));
}
