//! Panics of libraries, where they are errors here.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What a library's code returns; nothing if it panicked. What it left half-done must not be used.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Option<R> {
    let outer = EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    EXPECTED.set(outer);
    result.ok()
}

/// Whether a panic of this thread, now, becomes an error: a program's panic hook has nothing to say of it.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_expected_only_inside() {
        assert!(!is_expected());
        assert_eq!(catch(is_expected), Some(true));
        assert_eq!(catch(|| catch(|| 1).map(|_| is_expected())), Some(Some(true)));
        assert_eq!(catch(|| std::panic::resume_unwind(Box::new(()))), None::<()>);
        assert!(!is_expected());
    }
}
