//! Work that all cores share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// Number of cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Calls `work` for each of `items`, in as many threads as there are cores, and waits for all.
pub fn for_each_on_all_cores<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let rest = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..cores().min(items.len()) {
            // Without it the others do more.
            let _ = std::thread::Builder::new().spawn_scoped(scope, rest);
        }
        rest();
    });
}

/// Threads that work through a list while others go on. Dropping it leaves out what no thread has begun, and waits for what
/// one has: a driver must not compile while the process ends.
#[derive(Debug)]
pub struct Background {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The items of a list that no thread has taken yet.
#[derive(Debug)]
pub struct Rest<T> {
    items: Vec<T>,
    next: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl<T> Rest<T> {
    /// Takes the next one, if there is one and nobody wants an end.
    pub fn next(&self) -> Option<&T> {
        if self.is_stopped() { None } else { self.items.get(self.next.fetch_add(1, Ordering::Relaxed)) }
    }

    /// Whether somebody wants an end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Background {
    /// Calls `work` with the list in each of `threads` threads.
    pub fn new<T: Send + Sync + 'static>(
        threads: usize,
        items: Vec<T>,
        work: impl Fn(&Rest<T>) + Clone + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = threads.min(items.len());
        let rest = Arc::new(Rest { items, next: AtomicUsize::new(0), stop: stop.clone() });
        let spawn = |_| {
            let (rest, work) = (rest.clone(), work.clone());
            // Where no thread can be had, whoever needs an item does it.
            std::thread::Builder::new().name("compiler".into()).spawn(move || work(&rest)).ok()
        };
        Self { stop, threads: (0..threads).filter_map(spawn).collect() }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A panic in it is not ours: what it should have made, somebody else makes.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn each_item_is_done_once() {
        let done = Mutex::new(Vec::new());
        for_each_on_all_cores(&[1, 2, 3, 4, 5], |item| done.lock().unwrap().push(*item));
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert_eq!(done, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_dropped_begins_nothing_more() {
        let (begun, begins) = channel();
        let (go, goes) = channel::<()>();
        let goes = Arc::new(Mutex::new(goes));
        let background = Background::new(1, vec![1, 2, 3], move |rest| {
            while let Some(item) = rest.next() {
                begun.send(*item).unwrap();
                goes.lock().unwrap().recv().unwrap();
            }
        });
        assert_eq!(begins.recv(), Ok(1));
        background.stop.store(true, Ordering::Relaxed);
        go.send(()).unwrap();
        drop(background);
        // The thread is gone, and with it the sender.
        assert!(begins.recv().is_err());
    }
}
