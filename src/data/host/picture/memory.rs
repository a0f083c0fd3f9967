//! A limit of memory that threads share.

use std::sync::{Condvar, Mutex, PoisonError};

/// A number of bytes that threads may allocate together. It only counts: it allocates nothing.
#[derive(Debug)]
pub(super) struct Memory {
    free: Mutex<u64>,
    freed: Condvar,
}

/// A part of a [`Memory`] that a thread holds. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Part<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Memory {
    /// A limit of `bytes`, of which nothing is held.
    pub const fn new(bytes: u64) -> Self {
        Self { free: Mutex::new(bytes), freed: Condvar::new() }
    }

    /// Waits until `bytes` are free, and holds them. A thread that holds a part must give it back before it calls this:
    /// otherwise all threads could wait for each other.
    pub fn take(&self, bytes: u64) -> Part<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free < bytes).unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Part { memory: self, bytes }
    }
}

impl Part<'_> {
    /// Makes the part at least `bytes` long if enough bytes are free, and returns whether they were.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let mut free = self.memory.free.lock().unwrap_or_else(PoisonError::into_inner);
        if *free < more {
            return false;
        }
        *free -= more;
        self.bytes += more;
        true
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        *self.memory.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.memory.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn threads_never_hold_more_than_there_is() {
        let (memory, held, most) = (Memory::new(100), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (memory, held, most) = (&memory, &held, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let want = 10 + (thread * 31 + round * 17) % 90;
                        let mut part = memory.take(10);
                        if !part.grow(want) {
                            drop(part);
                            part = memory.take(want);
                        }
                        most.fetch_max(held.fetch_add(want, Ordering::SeqCst) + want, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(want, Ordering::SeqCst);
                        drop(part);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!((90..=100).contains(&most), "{most}");
        assert_eq!(*memory.free.lock().unwrap(), 100);
    }
}
