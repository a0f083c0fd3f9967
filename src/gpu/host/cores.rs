//! Work that all cores share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The results of `make` for `items`, in their order, of as many threads as there are cores.
pub fn map_on_all_cores<T: Sync, R: Send + Sync>(items: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(i) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < items.len()) {
            results[i].get_or_init(|| make(&items[i]));
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    // Every index below the number of items was taken, and the scope has waited for all threads.
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}
