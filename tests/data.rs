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
    ArchiveError, DataError, Places, PublishedSet,
    cifar::{CIFAR10, CIFAR100, CifarFiles},
    idx::{FASHION_MNIST, IdxFiles, MNIST},
    published::{Archive, Format, PUBLISHED},
    select::cifar10_or_shapes,
    shapes,
};

/// CIFAR-10 with few records.
static TEN: PublishedSet = PublishedSet {
    format: Format::Cifar(CifarFiles {
        train: &[
            ("data_batch_1.bin", 20),
            ("data_batch_2.bin", 20),
            ("data_batch_3.bin", 20),
            ("data_batch_4.bin", 20),
            ("data_batch_5.bin", 20),
        ],
        test: &[("test_batch.bin", 20)],
        label_bytes: 1,
    }),
    ..CIFAR10
};
/// CIFAR-100 with few records.
static HUNDRED: PublishedSet = PublishedSet {
    format: Format::Cifar(CifarFiles { train: &[("train.bin", 50)], test: &[("test.bin", 10)], label_bytes: 2 }),
    ..CIFAR100
};
/// MNIST with few images.
static DIGITS: PublishedSet = PublishedSet { format: Format::Idx(IdxFiles { train: 50, test: 10 }), ..MNIST };

const SETS: [&PublishedSet; 3] = [&TEN, &HUNDRED, &DIGITS];

/// Bytes of a record, and of the labels that it begins with.
fn record(set: &PublishedSet) -> (usize, usize) {
    match &set.format {
        Format::Cifar(files) => (files.record_bytes(), files.label_bytes),
        Format::Idx(_) => panic!("{} has no records", set.name),
    }
}

/// How an IDX file of `bytes` bytes in a set of MNIST's kind begins.
fn idx_header(bytes: u64) -> Vec<u8> {
    let (images, rank) = if (bytes - 16).is_multiple_of(784) { ((bytes - 16) / 784, 3) } else { (bytes - 8, 1) };
    let mut header = vec![0, 0, 8, rank];
    header.extend((images as u32).to_be_bytes());
    if rank == 3 {
        header.extend([0, 0, 0, 28, 0, 0, 0, 28]);
    }
    header
}

/// A file of a set: a header if its format has one, then `fill`.
fn contents(set: &PublishedSet, bytes: u64, fill: u8) -> Vec<u8> {
    let mut contents = match set.format {
        Format::Cifar(_) => Vec::new(),
        Format::Idx(_) => idx_header(bytes),
    };
    contents.resize(bytes as usize, fill);
    contents
}

/// A directory with a set's files, all zeros: label 0 and black throughout.
fn black_set(set: &PublishedSet) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in set.files() {
        fs::write(dir.path().join(name), contents(set, bytes, 0)).unwrap();
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

/// A gzipped tar of the given members, every byte of them 3.
fn tar_of(set: &PublishedSet, members: &[(&str, u64)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, len) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(*len);
        header.set_mode(0o644);
        let path = format!("{}/{name}", set.directory.unwrap());
        tar.append_data(&mut header, path, std::io::repeat(3).take(*len)).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// The archives of all files of a set, every byte of them 3.
fn whole_archives(set: &PublishedSet) -> Vec<Vec<u8>> {
    match set.format {
        Format::Cifar(_) => vec![tar_of(set, &set.files())],
        Format::Idx(_) => set.files().iter().map(|&(_, bytes)| gzip(&contents(set, bytes, 3))).collect(),
    }
}

/// The set whose archives are those at `urls`, if there are some, with the lengths and checksums of `bodies`.
fn with_archives(set: &'static PublishedSet, bodies: &[Vec<u8>], urls: &[String]) -> PublishedSet {
    let archives = set.archives.iter().zip(bodies).enumerate().map(|(i, (archive, body))| Archive {
        name: archive.name,
        url: urls.get(i).cloned().unwrap_or_default().into(),
        bytes: body.len() as u64,
        md5: Md5::digest(body).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    });
    let archives: Vec<Archive> = archives.collect();
    let format = match &set.format {
        Format::Cifar(CifarFiles { train, test, label_bytes }) => {
            Format::Cifar(CifarFiles { train, test, label_bytes: *label_bytes })
        }
        Format::Idx(IdxFiles { train, test }) => Format::Idx(IdxFiles { train: *train, test: *test }),
    };
    PublishedSet { archives: archives.leak(), format, ..*set }
}

fn leaked(set: PublishedSet) -> &'static PublishedSet {
    Box::leak(Box::new(set))
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
fn published_sets_have_their_published_sizes() {
    let files = CIFAR10.files();
    assert_eq!(files.len(), 6);
    assert!(files.iter().all(|(_, bytes)| *bytes == 30_730_000), "{files:?}");
    assert_eq!(CIFAR100.files(), [("train.bin", 153_700_000), ("test.bin", 30_740_000)]);
    for set in [&MNIST, &FASHION_MNIST] {
        let lengths: Vec<_> = set.files().into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(lengths, [47_040_016, 60_008, 7_840_016, 10_008]);
        // Each archive holds one of them.
        let held: Vec<_> = set.archives.iter().flat_map(|archive| archive.files(set)).collect();
        assert_eq!(held, set.files());
    }
    for set in PUBLISHED {
        assert_eq!(set.class_names.len(), if set.name == "cifar100" { 100 } else { 10 });
        for archive in set.archives {
            let digits = archive.md5.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
            assert!(archive.md5.len() == 32 && digits && archive.url.ends_with(archive.name), "{archive:?}");
        }
    }
    for set in [CIFAR10, CIFAR100] {
        assert!(set.class_names.is_sorted(), "label order is that of the alphabet");
    }
}

#[test]
fn planes_become_interleaved_pixels() {
    for (set, file, tests, labels) in [(&TEN, "test_batch.bin", 20, &[7][..]), (&HUNDRED, "test.bin", 10, &[19, 77])] {
        let dir = black_set(set);
        let record = record(set).0 as u64;
        // Record 1 of the test file: its labels, and the first two pixels of each plane.
        poke(&dir, file, record, labels);
        for (plane, bytes) in [[10, 11], [20, 21], [30, 31]].iter().enumerate() {
            poke(&dir, file, record + labels.len() as u64 + 1024 * plane as u64, bytes);
        }
        let read = set.load(dir.path()).unwrap();
        assert_eq!(read.name, set.name);
        assert_eq!(read.class_names, set.class_names);
        assert_eq!((read.train.len(), read.test.len()), (if set == &TEN { 100 } else { 50 }, tests));
        assert_eq!(read.image_shape, [32, 32, 3]);
        let label = u16::from(labels[labels.len() - 1]);
        assert_eq!(read.test.labels()[..3], [0, label, 0]);
        let image = read.test.image(1).unwrap();
        assert_eq!(image[..9], [10, 20, 30, 11, 21, 31, 0, 0, 0]);
        assert_eq!(read.test.image(tests), None);
        assert_eq!(read.checksum.get().len(), 64);
        assert_eq!(read.test.take(2).labels(), [0, label]);
    }
}

#[test]
fn idx_files_become_grey_images() {
    let dir = black_set(&DIGITS);
    poke(&dir, "t10k-labels-idx1-ubyte", 8 + 3, &[9]);
    poke(&dir, "t10k-images-idx3-ubyte", 16 + 3 * 784 + 28, &[200, 201]);
    poke(&dir, "train-labels-idx1-ubyte", 8 + 49, &[4]);
    let read = DIGITS.load(dir.path()).unwrap();
    assert_eq!((read.name.as_str(), read.image_shape), ("mnist", [28, 28, 1]));
    assert_eq!(read.class_names, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!((read.train.len(), read.train.labels()[49]), (50, 4));
    assert_eq!((read.test.len(), &read.test.labels()[2..5]), (10, &[0, 9, 0][..]));
    let image = read.test.image(3).unwrap();
    // The second row.
    assert_eq!((image.len(), image[27], image[28], image[29], image[30]), (784, 0, 200, 201, 0));
}

#[test]
fn idx_files_of_another_shape_are_refused() {
    // Type, rank, number of images, height and width.
    for (file, at, byte) in [
        ("train-images-idx3-ubyte", 0, 1),
        ("train-images-idx3-ubyte", 2, 9),
        ("train-images-idx3-ubyte", 3, 1),
        ("t10k-images-idx3-ubyte", 7, 11),
        ("t10k-images-idx3-ubyte", 11, 56),
        ("train-images-idx3-ubyte", 12, 1),
        ("train-labels-idx1-ubyte", 3, 3),
        ("t10k-labels-idx1-ubyte", 7, 9),
    ] {
        let dir = black_set(&DIGITS);
        poke(&dir, file, at, &[byte]);
        let error = DIGITS.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::WrongHeader { .. }), "{error}");
        says(&error, &[file, "does not begin as an IDX file", "MNIST"]);
    }
}

#[test]
fn missing_directory() {
    for set in PUBLISHED {
        let error = set.load(Path::new("no/such/place")).unwrap_err();
        assert!(matches!(error, DataError::MissingDirectory { .. }));
        says(&error, &["no/such/place", set.title, "create it"]);
    }
}

#[test]
fn missing_file() {
    for (set, file) in [(&TEN, "data_batch_3.bin"), (&HUNDRED, "test.bin"), (&DIGITS, "t10k-labels-idx1-ubyte")] {
        let dir = black_set(set);
        fs::remove_file(dir.path().join(file)).unwrap();
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::MissingFile { .. }));
        says(&error, &[file, set.archives[set.archives.len() - 1].name, "put all"]);
    }
}

#[test]
fn truncated_file() {
    for set in SETS {
        for (file, bytes) in set.files() {
            let dir = black_set(set);
            let path = set_len(&dir, file, bytes - 1);
            let error = set.load(dir.path()).unwrap_err();
            assert!(matches!(error, DataError::Truncated { .. }));
            let path = path.display().to_string();
            says(&error, &[&path, &(bytes - 1).to_string(), &bytes.to_string(), "again"]);
        }
    }
}

#[test]
fn wrong_size() {
    for set in SETS {
        for (file, bytes) in set.files() {
            let dir = black_set(set);
            set_len(&dir, file, bytes + 1);
            let error = set.load(dir.path()).unwrap_err();
            assert!(matches!(error, DataError::WrongSize { .. }));
            says(&error, &[file, &(bytes + 1).to_string(), &bytes.to_string(), set.title]);
        }
    }
}

#[test]
fn label_past_the_classes() {
    let last_label = |set| (12 * record(set).0 + record(set).1 - 1) as u64;
    for (set, file, at, value, message) in [
        (&TEN, "data_batch_2.bin", last_label(&TEN), 10, "the label 10, which is above 9"),
        (&HUNDRED, "train.bin", last_label(&HUNDRED), 100, "the label 100, which is above 99"),
        (&DIGITS, "train-labels-idx1-ubyte", 8 + 12, 10, "the label 10, which is above 9"),
    ] {
        let dir = black_set(set);
        poke(&dir, file, at, &[value]);
        let error = set.load(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::BadLabel { .. }));
        says(&error, &[file, "record 12", message, set.title]);
    }
}

#[test]
fn good_download_is_unpacked_and_loaded() {
    for set in SETS {
        let bodies = whole_archives(set);
        let (urls, servers): (Vec<_>, Vec<_>) = bodies.iter().map(|body| serve(body.len(), body.clone())).unzip();
        let set = leaked(with_archives(set, &bodies, &urls));
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().join("wgrad").join(set.name);
        let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.clone()), set };
        let fetched = places.find_or_fetch().unwrap();
        servers.into_iter().for_each(|server| server.join().unwrap());
        assert_eq!(fetched.train.labels()[49], 3);
        let files = set.directory.map_or(cache.clone(), |directory| cache.join(directory));
        if set.directory.is_some() {
            assert_eq!(entries(&cache), 1, "the archive or a temporary file is left");
        }
        assert_eq!(entries(&files), set.files().len());
        // The servers are gone: this comes from the cache.
        let again = places.find_or_fetch().unwrap();
        assert_eq!(again.checksum.get(), fetched.checksum.get());
    }
}

#[test]
fn only_what_is_missing_is_downloaded_again() {
    let bodies = whole_archives(&DIGITS);
    let urls: Vec<_> = bodies.iter().map(|_| dead_url()).collect();
    let cache = tempfile::tempdir().unwrap();
    let places = |set| Places { data_dir: None, env_dir: None, cache_dir: Some(cache.path().into()), set };
    // Three of four files arrived before the connection broke.
    for (body, archive) in bodies.iter().zip(DIGITS.archives).take(3) {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut bytes).unwrap();
        fs::write(cache.path().join(archive.name.strip_suffix(".gz").unwrap()), bytes).unwrap();
    }
    let error = places(leaked(with_archives(&DIGITS, &bodies, &urls))).find_or_fetch().unwrap_err();
    says(&error, &[&urls[3]]);
    let (url, server) = serve(bodies[3].len(), bodies[3].clone());
    let urls = [&urls[..3], &[url]].concat();
    let read = places(leaked(with_archives(&DIGITS, &bodies, &urls))).find_or_fetch().unwrap();
    server.join().unwrap();
    assert_eq!(read.test.labels(), [3; 10]);
}

#[test]
fn interrupted_download_leaves_nothing() {
    for set in SETS {
        let bodies = whole_archives(set);
        let whole = bodies[0].len();
        let (url, server) = serve(whole, bodies[0][..whole / 2].to_vec());
        let set = leaked(with_archives(set, &bodies, &[url]));
        let dir = tempfile::tempdir().unwrap();
        let error = set.archives[0].fetch(set, dir.path()).unwrap_err();
        server.join().unwrap();
        assert!(matches!(error, DataError::Archive(ArchiveError::Interrupted { .. })), "{error}");
        says(&error, &[&set.archives[0].url, &whole.to_string(), "try again"]);
        assert_eq!(entries(dir.path()), 0);
    }
}

#[test]
fn download_of_another_length_is_refused() {
    let bodies = whole_archives(&TEN);
    let mut longer = bodies[0].clone();
    longer.push(0);
    let (url, server) = serve(bodies[0].len(), bodies[0].clone());
    let set = leaked(with_archives(&TEN, &[longer], &[url]));
    let dir = tempfile::tempdir().unwrap();
    let error = set.archives[0].fetch(set, dir.path()).unwrap_err();
    server.join().unwrap();
    assert!(matches!(error, DataError::Archive(ArchiveError::Length { .. })), "{error}");
}

/// A byte in the middle flipped.
fn corrupt(body: &[u8]) -> Vec<u8> {
    let mut corrupt = body.to_vec();
    corrupt[body.len() / 2] ^= 1;
    corrupt
}

#[test]
fn corrupt_download_leaves_nothing() {
    for set in SETS {
        let bodies = whole_archives(set);
        let (url, server) = serve(bodies[0].len(), corrupt(&bodies[0]));
        let set = leaked(with_archives(set, &bodies, &[url]));
        let dir = tempfile::tempdir().unwrap();
        let error = set.archives[0].fetch(set, dir.path()).unwrap_err();
        server.join().unwrap();
        assert!(matches!(error, DataError::Archive(ArchiveError::Checksum { .. })), "{error}");
        assert_eq!(entries(dir.path()), 0);
    }
}

#[test]
fn corrupt_archive_given_by_the_user() {
    for set in SETS {
        let bodies = whole_archives(set);
        let set = leaked(with_archives(set, &bodies, &[]));
        let dir = tempfile::tempdir().unwrap();
        for (archive, body) in set.archives.iter().zip(&bodies) {
            fs::write(dir.path().join(archive.name), corrupt(body)).unwrap();
        }
        let places = Places { data_dir: Some(dir.path().into()), env_dir: None, cache_dir: None, set };
        let error = places.find_or_fetch().unwrap_err();
        says(&error, &[set.archives[0].name, &set.archives[0].md5, "delete it"]);
        // A broken set the user named is never replaced by another one.
        let error = cifar10_or_shapes(&places).unwrap_err();
        assert!(matches!(error, DataError::Archive(ArchiveError::Checksum { .. })), "{error}");
    }
}

#[test]
fn archives_given_by_the_user_are_unpacked() {
    for set in SETS {
        let bodies = whole_archives(set);
        let set = leaked(with_archives(set, &bodies, &[]));
        let dir = tempfile::tempdir().unwrap();
        for (archive, body) in set.archives.iter().zip(&bodies) {
            fs::write(dir.path().join(archive.name), body).unwrap();
        }
        let places = Places { data_dir: None, env_dir: Some(dir.path().into()), cache_dir: None, set };
        let read = places.find_or_fetch().unwrap();
        assert_eq!(read.test.labels()[9], 3);
        let root = set.directory.map_or(dir.path().into(), |directory| dir.path().join(directory));
        for (name, bytes) in set.files() {
            assert_eq!(fs::read(root.join(name)).unwrap(), contents(set, bytes, 3));
        }
    }
}

#[test]
fn archive_members_of_another_size_or_missing_are_refused() {
    let mut members = TEN.files();
    members[3].1 -= 1;
    let short = format!("data_batch_4.bin has {} bytes instead of", members[3].1);
    let images = contents(&DIGITS, DIGITS.files()[0].1, 3);
    for (set, body, part) in [
        (&TEN, tar_of(&TEN, &members), short.as_str()),
        (&HUNDRED, tar_of(&HUNDRED, &HUNDRED.files()[..1]), "test.bin is missing"),
        (&DIGITS, gzip(&images[..images.len() - 1]), "train-images-idx3-ubyte ends after 39215 of 39216 bytes"),
        (&DIGITS, gzip(&[&images[..], &[0]].concat()), "train-images-idx3-ubyte has more than 39216 bytes"),
        (&DIGITS, images.clone(), "train-images-idx3-ubyte cannot be read"),
    ] {
        let set = leaked(with_archives(set, std::slice::from_ref(&body), &[]));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(set.archives[0].name);
        fs::write(&path, body).unwrap();
        let error = set.archives[0].unpack(set, &path, dir.path()).unwrap_err();
        says(&error, &[part, set.title]);
    }
}

#[test]
fn unreachable_server_means_shapes_only_where_allowed() {
    let url = dead_url();
    let set = leaked(with_archives(&TEN, &[Vec::new()], std::slice::from_ref(&url)));
    let cache = tempfile::tempdir().unwrap();
    let places = Places { data_dir: None, env_dir: None, cache_dir: Some(cache.path().into()), set };
    let error = places.find_or_fetch().unwrap_err();
    let cache = cache.path().display().to_string();
    says(&error, &["CIFAR10_DIR", &cache, &url]);

    let (set, warning) = cifar10_or_shapes(&places).unwrap();
    assert_eq!(set.name, "shapes");
    assert_eq!(set.train.len(), shapes::TRAIN_IMAGES);
    let warning = warning.unwrap();
    assert!(warning.contains("NOT on CIFAR-10") && !warning.contains('\n'));

    let named = Places { env_dir: Some("no/such/place".into()), ..places };
    let error = cifar10_or_shapes(&named).unwrap_err();
    assert!(matches!(error, DataError::MissingDirectory { .. }));
}
