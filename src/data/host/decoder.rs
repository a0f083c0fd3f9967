//! Pictures decoded by several threads while the caller works on earlier ones.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
};

use super::{DataError, picture};

/// Yields the pixels of each picture in the order of the paths, or the error of a picture that can't be read.
///
/// It holds the pixels of the pictures that are decoded ahead of the caller, and what [`picture::read`] takes for those
/// that are being decoded.
#[derive(Debug)]
pub struct Decoder {
    paths: Arc<[PathBuf]>,
    next: usize,
    /// Thread `i` of `n` decodes pictures `i`, `i + n`, `i + 2 n` and so on.
    ready: Vec<Receiver<Decoded>>,
    threads: Vec<JoinHandle<()>>,
}

/// The pixels `[h, w, c]` of a picture.
type Decoded = Result<Vec<u8>, DataError>;

impl Decoder {
    /// Starts to decode `paths` to pixels of `shape` `[h, w, c]` (see [`picture::read`]) on all cores, up to about `ahead`
    /// pictures ahead of the caller.
    ///
    /// # Errors
    ///
    /// [`DataError::Thread`] if the system refuses a thread.
    pub fn new(paths: Arc<[PathBuf]>, shape: [usize; 3], ahead: usize) -> Result<Self, DataError> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(paths.len());
        let mut decoder = Self { paths: paths.clone(), next: 0, ready: Vec::new(), threads: Vec::new() };
        for first in 0..cores {
            let (send, ready) = mpsc::sync_channel(ahead / cores);
            let paths = Arc::clone(&paths);
            let decode = move || {
                for path in paths.iter().skip(first).step_by(cores) {
                    if send.send(picture::read(path, shape)).is_err() {
                        return;
                    }
                }
            };
            let thread = thread::Builder::new().name("pictures".into()).spawn(decode).map_err(DataError::Thread)?;
            decoder.ready.push(ready);
            decoder.threads.push(thread);
        }
        Ok(decoder)
    }
}

impl Iterator for Decoder {
    type Item = Decoded;

    fn next(&mut self) -> Option<Self::Item> {
        let path = self.paths.get(self.next)?;
        let ready = &self.ready[self.next % self.ready.len()];
        self.next += 1;
        let ended = |_| Err(DataError::Picture { path: path.clone(), reason: "its decoder stopped; remove it".into() });
        Some(ready.recv().unwrap_or_else(ended))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // A thread that waits to send ends only when its receiver is gone.
        self.ready.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures `0.png` to `n.png` of one pixel, the number as its red, except for those of `broken`.
    fn pictures(dir: &std::path::Path, n: u8, broken: &[u8]) -> Arc<[PathBuf]> {
        let paths: Vec<_> = (0..n).map(|i| dir.join(format!("{i}.png"))).collect();
        for (i, path) in (0..n).zip(&paths) {
            if broken.contains(&i) {
                std::fs::write(path, b"broken").unwrap();
            } else {
                image::RgbImage::from_pixel(1, 1, image::Rgb([i, 0, 0])).save(path).unwrap();
            }
        }
        paths.into()
    }

    #[test]
    fn pictures_come_in_order_however_few_are_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let paths = pictures(dir.path(), 50, &[3, 49]);
        for ahead in [0, 1, 7, 100] {
            let decoder = Decoder::new(paths.clone(), [1, 1, 3], ahead).unwrap();
            let red: Vec<_> = decoder.map(|pixels| pixels.ok().map(|pixels| pixels[0])).collect();
            let expected: Vec<_> = (0..50).map(|i| (i != 3 && i != 49).then_some(i)).collect();
            assert_eq!(red, expected);
        }
        assert_eq!(Decoder::new(Arc::new([]), [1, 1, 3], 4).unwrap().count(), 0);
    }

    #[test]
    fn dropping_early_ends_the_threads() {
        let dir = tempfile::tempdir().unwrap();
        let paths = pictures(dir.path(), 50, &[]);
        let mut decoder = Decoder::new(paths.clone(), [1, 1, 3], 2).unwrap();
        decoder.next();
        drop(decoder);
        assert_eq!(Arc::strong_count(&paths), 1, "a thread still runs");
    }
}
