//! Batches, which a thread gathers while the device works on earlier ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    task::Poll,
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{Batch, DataError, Split};

/// Yields the batches of one pass over a split; the last may be short.
///
/// If each batch is handed back through [`recycle`](Self::recycle) before the next is taken, the pass uses the memory of
/// at most `depth + 1` batches.
#[derive(Debug)]
pub struct Loader {
    ready: Option<Receiver<Batch>>,
    used: Sender<Batch>,
    allocated: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Loader {
    /// Starts to gather the images of `split` in the order of `order`: a shuffled epoch, or `0..n` for evaluation. Up to
    /// `depth` batches of `batch_size` are kept ahead of the caller; a depth of 0 counts as 1.
    ///
    /// # Errors
    ///
    /// [`DataError::BadOrder`] for an index past the split or an empty batch,
    /// [`DataError::Thread`] if the system refuses a thread.
    pub fn new(split: Arc<Split>, order: Vec<u32>, batch_size: usize, depth: usize) -> Result<Self, DataError> {
        let index = order.iter().copied().max().unwrap_or(0);
        if batch_size == 0 || (!order.is_empty() && index as usize >= split.len()) {
            return Err(DataError::BadOrder { batch_size, len: split.len(), index });
        }
        // The thread holds one batch more than the channel does, and the caller another.
        let (send, ready) = mpsc::sync_channel(depth.saturating_sub(1));
        let (used, returned) = mpsc::channel();
        let allocated = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&allocated);
        let thread = thread::Builder::new()
            .name("batches".into())
            .spawn(move || gather(&split, &order, batch_size, &send, &returned, &counter))
            .map_err(DataError::Thread)?;
        Ok(Self { ready: Some(ready), used, allocated, thread: Some(thread) })
    }

    /// Gives a batch's memory back for a later one.
    pub fn recycle(&self, batch: Batch) {
        // If the thread has ended, nobody needs the memory.
        let _ = self.used.send(batch);
    }

    /// The next batch, or none after the last one; [`Poll::Pending`] if it takes longer than `wait`.
    pub fn next_within(&mut self, wait: Duration) -> Poll<Option<Batch>> {
        match self.ready.as_ref().map(|ready| ready.recv_timeout(wait)) {
            Some(Ok(batch)) => Poll::Ready(Some(batch)),
            Some(Err(RecvTimeoutError::Timeout)) => Poll::Pending,
            Some(Err(RecvTimeoutError::Disconnected)) | None => Poll::Ready(None),
        }
    }

    /// Number of batches allocated so far; recycled ones are not counted again.
    pub fn allocated(&self) -> usize {
        self.allocated.load(Ordering::Relaxed)
    }
}

impl Iterator for Loader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        self.ready.as_ref()?.recv().ok()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // A thread waiting to send wakes only when the receiver is gone.
        self.ready = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gather(
    split: &Split,
    order: &[u32],
    batch_size: usize,
    send: &SyncSender<Batch>,
    returned: &Receiver<Batch>,
    allocated: &AtomicUsize,
) {
    let image_len = split.image_len();
    for indices in order.chunks(batch_size) {
        let mut batch = returned.try_recv().unwrap_or_else(|_| {
            allocated.fetch_add(1, Ordering::Relaxed);
            Batch { pixels: Vec::with_capacity(batch_size * image_len), labels: Vec::with_capacity(batch_size), len: 0 }
        });
        batch.pixels.clear();
        batch.labels.clear();
        batch.len = indices.len();
        for &i in indices {
            let start = i as usize * image_len;
            batch.pixels.extend_from_slice(&split.pixels()[start..start + image_len]);
            batch.labels.push(u32::from(split.labels()[i as usize]));
        }
        batch.pixels.resize(batch_size * image_len, 0);
        batch.labels.resize(batch_size, 0);
        if send.send(batch).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten 1x2x1 images; image `i` has pixels `[i, 100 + i]` and label `i`.
    fn split() -> Arc<Split> {
        let pixels = (0..10).flat_map(|i| [i, 100 + i]).collect();
        Arc::new(Split::new([1, 2, 1], pixels, (0..10).collect()))
    }

    #[test]
    fn batches_follow_the_order_and_the_last_is_short() {
        let order = vec![9, 0, 4, 3, 3];
        let batches: Vec<_> = Loader::new(split(), order, 2, 2).unwrap().collect();
        let lens: Vec<_> = batches.iter().map(|batch| batch.len).collect();
        assert_eq!(lens, [2, 2, 1]);
        assert_eq!(batches[0].pixels, [9, 109, 0, 100]);
        assert_eq!(batches[1].labels, [4, 3]);
        assert_eq!(batches[2].pixels, [3, 103, 0, 0]);
        assert_eq!(batches[2].labels, [3, 0]);
    }

    #[test]
    fn recycling_bounds_the_memory() {
        for depth in 1..4 {
            let order: Vec<u32> = (0..1000).map(|i| i % 10).collect();
            let mut loader = Loader::new(split(), order, 3, depth).unwrap();
            let mut images = 0;
            while let Some(batch) = loader.next() {
                images += batch.len;
                loader.recycle(batch);
            }
            assert_eq!(images, 1000);
            assert!(loader.allocated() <= depth + 1, "{}", loader.allocated());
        }
    }

    #[test]
    fn recycled_rows_past_the_end_are_zero() {
        let mut loader = Loader::new(split(), (0..10).collect(), 4, 1).unwrap();
        let mut last = None;
        while let Some(batch) = loader.next() {
            last = Some(batch.clone());
            loader.recycle(batch);
        }
        let last = last.unwrap();
        assert_eq!((last.len, &last.labels[..]), (2, &[8, 9, 0, 0][..]));
        assert_eq!(last.pixels, [8, 108, 9, 109, 0, 0, 0, 0]);
    }

    #[test]
    fn dropping_early_ends_the_thread() {
        for taken in 0..3 {
            let mut loader = Loader::new(split(), vec![0; 10_000], 1, 2).unwrap();
            for _ in 0..taken {
                loader.next();
            }
            let counter = Arc::downgrade(&loader.allocated);
            drop(loader);
            assert_eq!(counter.strong_count(), 0, "the thread still runs");
        }
    }

    #[test]
    fn an_order_past_the_split_is_an_error() {
        for (order, batch_size) in [(vec![3, 10], 2), (vec![0], 0)] {
            let error = Loader::new(split(), order, batch_size, 2).unwrap_err();
            assert!(matches!(error, DataError::BadOrder { .. }), "{error}");
        }
        let empty = Arc::new(Split::new([1, 2, 1], vec![], vec![]));
        assert_eq!(Loader::new(empty, vec![], 2, 2).unwrap().count(), 0);
    }
}
