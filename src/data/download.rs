//! Fetching an archive of CIFAR and taking its files out, so that a directory holds only whole,
//! checked files whatever interrupts the work.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::Path,
    time::Duration,
};

use flate2::read::GzDecoder;
use indicatif::HumanBytes;
use md5::{Digest, Md5};
use tempfile::NamedTempFile;

use super::{Cifar, DataError, hex, progress::Progress};
use crate::file;

const BAR: &str = "{wide_bar} {bytes}/{total_bytes} {eta}";

// An offline machine should learn so quickly; a slow line may take its time in total.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Where an archive of a set is and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The set whose files are in it.
    pub set: &'static Cifar,
    /// Address of the gzipped tar file.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its MD5, in lower-case hex.
    pub md5: String,
}

impl Archive {
    /// The archive at the home of `set`.
    pub fn official(set: &'static Cifar) -> Self {
        Self {
            set,
            url: format!("https://www.cs.toronto.edu/~kriz/{}", set.archive),
            bytes: set.archive_bytes,
            md5: set.archive_md5.into(),
        }
    }

    /// Downloads the archive, checks it and unpacks it below `dir`, which is created if need be;
    /// the archive itself is not kept.
    ///
    /// # Errors
    ///
    /// [`DataError::Download`] where the server can't be reached or refuses,
    /// [`DataError::Interrupted`] where it stops early, [`DataError::ArchiveLength`],
    /// [`DataError::ArchiveChecksum`] and [`DataError::ArchiveMember`] where what it sends is not
    /// the archive, [`DataError::Write`] where `dir` can't be written.
    pub fn fetch(&self, dir: &Path) -> Result<(), DataError> {
        fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
        // Without a name, it is gone whenever and however this process ends.
        let mut file = tempfile::tempfile_in(dir).map_err(|source| write_error(dir, source))?;
        self.download(&mut file, dir)?;
        self.check_and_extract(&mut file, &self.url, dir)
    }

    /// Checks the archive at `path` and unpacks it below `dir`.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch), except for those of the network, and [`DataError::Read`].
    pub fn unpack(&self, path: &Path, dir: &Path) -> Result<(), DataError> {
        let mut file = file::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        self.check_and_extract(&mut file, &path.display().to_string(), dir)
    }

    fn download(&self, file: &mut File, dir: &Path) -> Result<(), DataError> {
        let agent = ureq::Agent::config_builder()
            .timeout_resolve(Some(RESOLVE_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .build()
            .new_agent();
        let response = agent.get(&self.url).call();
        let mut body = response
            .map_err(|source| DataError::Download { url: self.url.clone(), source: Box::new(source) })?
            .into_body();
        if let Some(actual) = body.content_length().filter(|&len| len != self.bytes) {
            return Err(self.length_error(&self.url, actual));
        }

        let interrupted =
            |received, source| DataError::Interrupted { url: self.url.clone(), expected: self.bytes, received, source };
        eprintln!("downloading {} ({})", self.url, HumanBytes(self.bytes));
        let mut progress = Progress::new(self.bytes, BAR, "downloaded");
        let mut received = 0;
        let mut reader = body.as_reader();
        let mut chunk = vec![0; 1 << 16];
        loop {
            let len = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => len,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(interrupted(received, source)),
            };
            received += len as u64;
            if received > self.bytes {
                return Err(self.length_error(&self.url, received));
            }
            file.write_all(&chunk[..len]).map_err(|source| write_error(dir, source))?;
            progress.at(received);
        }
        if received < self.bytes {
            return Err(interrupted(received, io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    fn check_and_extract(&self, file: &mut File, origin: &str, dir: &Path) -> Result<(), DataError> {
        let read_error = |source| DataError::Read { path: origin.into(), source };
        let actual = file.metadata().map_err(read_error)?.len();
        if actual != self.bytes {
            return Err(self.length_error(origin, actual));
        }
        let actual = file.rewind().and_then(|()| md5_of(file)).map_err(read_error)?;
        if actual != self.md5 {
            return Err(DataError::ArchiveChecksum { origin: origin.into(), expected: self.md5.clone(), actual });
        }
        file.rewind().map_err(read_error)?;
        self.extract(file, origin, &dir.join(self.set.directory))
    }

    /// Copies the files to `dir`, by name: no path in the archive is ever followed.
    fn extract(&self, file: &mut File, origin: &str, dir: &Path) -> Result<(), DataError> {
        let member_error = |member: &str, problem: String| DataError::ArchiveMember {
            origin: origin.into(),
            member: member.into(),
            problem,
            set: self.set,
        };
        let unreadable = |source: io::Error| {
            let words = source.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            member_error("contents", format!("unreadable: {words}"))
        };
        fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
        if fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(write_error(dir, io::Error::other("it is a symbolic link, and may lead anywhere")));
        }
        let mut missing: Vec<_> = self.set.files().collect();
        // Room for the files, their headers and the small texts beside them.
        let room = missing.iter().map(|(_, bytes)| bytes).sum::<u64>() + (1 << 20);
        let plain = GzDecoder::new(file).take(room);
        let mut tar = tar::Archive::new(plain);
        // Raw: long names and extended headers, of no use for these files, are held in memory otherwise.
        for entry in tar.entries().map_err(unreadable)?.raw(true) {
            let mut entry = entry.map_err(unreadable)?;
            let path = entry.path().map_err(unreadable)?;
            let directory = Path::new(self.set.directory);
            let Some(at) = missing.iter().position(|(name, _)| path == directory.join(name)) else {
                continue;
            };
            let (name, bytes) = missing.swap_remove(at);
            if entry.size() != bytes {
                let problem = format!("has {} bytes instead of {bytes}", entry.size());
                return Err(member_error(name, problem));
            }
            let target = dir.join(name);
            let mut whole = NamedTempFile::new_in(dir).map_err(|source| write_error(dir, source))?;
            let copied = io::copy(&mut entry, &mut whole).map_err(|source| write_error(&target, source))?;
            if copied != bytes {
                return Err(member_error(name, format!("ends after {copied} bytes")));
            }
            whole.persist(&target).map_err(|error| write_error(&target, error.error))?;
            if missing.is_empty() {
                return Ok(());
            }
        }
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        Err(member_error(&names.join(", "), "missing".into()))
    }

    fn length_error(&self, origin: &str, actual: u64) -> DataError {
        DataError::ArchiveLength { origin: origin.into(), expected: self.bytes, actual }
    }
}

fn write_error(path: &Path, source: io::Error) -> DataError {
    DataError::Write { path: path.into(), source }
}

fn md5_of(file: &mut File) -> io::Result<String> {
    let mut md5 = Md5::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&md5.finalize())),
            len => md5.update(&chunk[..len]),
        }
    }
}
