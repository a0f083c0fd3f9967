//! Fetching the archives of a published set and taking its files out, so that a directory holds only whole, checked
//! files whatever interrupts the work.

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

use super::{
    ArchiveError, DataError, hex,
    progress::Progress,
    published::{Archive, PublishedSet},
};
use crate::file;

const BAR: &str = "{wide_bar} {bytes}/{total_bytes} {eta}";

// A machine without network should fail quickly, but a slow line may take as long as it needs in total.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

impl Archive {
    /// The files of `set` that it holds, and the length of each in bytes.
    pub fn files(&self, set: &PublishedSet) -> Vec<(&'static str, u64)> {
        let mut files = set.files();
        if !self.is_tar() {
            files.retain(|(name, _)| self.name.strip_suffix(".gz") == Some(name));
        }
        files
    }

    fn is_tar(&self) -> bool {
        self.name.ends_with(".tar.gz")
    }

    /// Downloads the archive, checks it and unpacks the files of `set` below `dir`, which is created if need be; the
    /// archive itself is not kept.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Download`] where the server can't be reached or refuses,
    /// [`ArchiveError::Interrupted`] where it stops early, [`ArchiveError::Length`],
    /// [`ArchiveError::Checksum`] and [`ArchiveError::Member`] where what it sends is not
    /// the archive, [`DataError::Write`] where `dir` can't be written.
    pub fn fetch(&self, set: &'static PublishedSet, dir: &Path) -> Result<(), DataError> {
        fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
        // The file has no name, so that it is gone when this process ends, however it ends.
        let mut file = tempfile::tempfile_in(dir).map_err(|source| write_error(dir, source))?;
        self.download(&mut file, dir)?;
        self.check_and_extract(set, &mut file, &self.url, dir)
    }

    /// Checks the archive at `path` and unpacks the files of `set` below `dir`.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch), except for those of the network, and [`DataError::Read`].
    pub fn unpack(&self, set: &'static PublishedSet, path: &Path, dir: &Path) -> Result<(), DataError> {
        let mut file = file::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        self.check_and_extract(set, &mut file, &path.display().to_string(), dir)
    }

    fn download(&self, file: &mut File, dir: &Path) -> Result<(), DataError> {
        let agent = ureq::Agent::config_builder()
            .timeout_resolve(Some(RESOLVE_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .build()
            .new_agent();
        let response = agent.get(&*self.url).call();
        let mut body = response
            .map_err(|source| ArchiveError::Download { url: self.url.to_string(), source: Box::new(source) })?
            .into_body();
        if let Some(actual) = body.content_length().filter(|&len| len != self.bytes) {
            return Err(self.length_error(&self.url, actual));
        }

        let interrupted = |received, source| ArchiveError::Interrupted {
            url: self.url.to_string(),
            expected: self.bytes,
            received,
            source,
        };
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
                Err(source) => return Err(interrupted(received, source).into()),
            };
            received += len as u64;
            if received > self.bytes {
                return Err(self.length_error(&self.url, received));
            }
            file.write_all(&chunk[..len]).map_err(|source| write_error(dir, source))?;
            progress.at(received);
        }
        if received < self.bytes {
            return Err(interrupted(received, io::ErrorKind::UnexpectedEof.into()).into());
        }
        Ok(())
    }

    fn check_and_extract(
        &self,
        set: &'static PublishedSet,
        file: &mut File,
        origin: &str,
        dir: &Path,
    ) -> Result<(), DataError> {
        let read_error = |source| DataError::Read { path: origin.into(), source };
        let actual = file.metadata().map_err(read_error)?.len();
        if actual != self.bytes {
            return Err(self.length_error(origin, actual));
        }
        let actual = file.rewind().and_then(|()| md5_of(file)).map_err(read_error)?;
        if actual != self.md5 {
            return Err(ArchiveError::Checksum { origin: origin.into(), expected: self.md5.to_string(), actual }.into());
        }
        file.rewind().map_err(read_error)?;
        let dir = set.directory.map_or(dir.into(), |directory| dir.join(directory));
        fs::create_dir_all(&dir).map_err(|source| write_error(&dir, source))?;
        let unpacking = Unpacking { set, origin, dir: &dir };
        if self.is_tar() { unpacking.tar(file, self.files(set)) } else { unpacking.single(file, self.files(set)) }
    }

    fn length_error(&self, origin: &str, actual: u64) -> DataError {
        ArchiveError::Length { origin: origin.into(), expected: self.bytes, actual }.into()
    }
}

/// An archive of `set` from `origin` whose files go to `dir`.
struct Unpacking<'a> {
    set: &'static PublishedSet,
    origin: &'a str,
    dir: &'a Path,
}

impl Unpacking<'_> {
    /// Copies the files out of a tar file, by name: no path in the archive is ever followed.
    fn tar(&self, file: &mut File, mut missing: Vec<(&str, u64)>) -> Result<(), DataError> {
        let unreadable = |source| self.unreadable("contents", &source);
        if fs::symlink_metadata(self.dir).is_ok_and(|metadata| metadata.is_symlink()) {
            return Err(write_error(self.dir, io::Error::other("it is a symbolic link, and may lead anywhere")));
        }
        // Room for the files, their headers and the small texts beside them.
        let room = missing.iter().map(|(_, bytes)| bytes).sum::<u64>() + (1 << 20);
        let plain = GzDecoder::new(file).take(room);
        let mut tar = tar::Archive::new(plain);
        let directory = Path::new(self.set.directory.unwrap_or_default());
        // Raw, because the reader otherwise holds long names and extended headers in memory. These files have none.
        for entry in tar.entries().map_err(unreadable)?.raw(true) {
            let mut entry = entry.map_err(unreadable)?;
            let path = entry.path().map_err(unreadable)?;
            let Some(at) = missing.iter().position(|(name, _)| path == directory.join(name)) else {
                continue;
            };
            let (name, bytes) = missing.swap_remove(at);
            if entry.size() != bytes {
                let problem = format!("has {} bytes instead of {bytes}", entry.size());
                return Err(self.member_error(name, problem));
            }
            self.write(name, bytes, &mut entry)?;
            if missing.is_empty() {
                return Ok(());
            }
        }
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        Err(self.member_error(&names.join(", "), "is missing".into()))
    }

    /// Writes the only file.
    fn single(&self, file: &mut File, files: Vec<(&str, u64)>) -> Result<(), DataError> {
        files.into_iter().try_for_each(|(name, bytes)| self.write(name, bytes, &mut GzDecoder::new(&mut *file)))
    }

    /// Writes a file that must have `bytes` bytes, whole or not at all.
    fn write(&self, name: &str, bytes: u64, contents: &mut impl Read) -> Result<(), DataError> {
        let target = self.dir.join(name);
        let mut whole = NamedTempFile::new_in(self.dir).map_err(|source| write_error(self.dir, source))?;
        let mut chunk = vec![0; 1 << 16];
        // One byte more than there may be tells that there are too many.
        let mut contents = contents.take(bytes + 1);
        let mut copied = 0;
        loop {
            let len = match contents.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => len,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.unreadable(name, &source)),
            };
            copied += len as u64;
            if copied > bytes {
                return Err(self.member_error(name, format!("has more than {bytes} bytes")));
            }
            whole.write_all(&chunk[..len]).map_err(|source| write_error(&target, source))?;
        }
        if copied < bytes {
            return Err(self.member_error(name, format!("ends after {copied} of {bytes} bytes")));
        }
        whole.persist(&target).map_err(|error| write_error(&target, error.error))?;
        Ok(())
    }

    fn unreadable(&self, member: &str, source: &io::Error) -> DataError {
        let words = source.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        self.member_error(member, format!("cannot be read: {words}"))
    }

    fn member_error(&self, member: &str, problem: String) -> DataError {
        ArchiveError::Member { origin: self.origin.into(), member: member.into(), problem, set: self.set }.into()
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
