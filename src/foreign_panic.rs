//! Turns panics of libraries into errors.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of a library and returns its result, or `None` if it panicked. After a panic the objects that the code was
/// changing may be inconsistent and must not be used.
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Option<R> {
    let outer = EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    EXPECTED.set(outer);
    result.ok()
}

/// Whether this thread runs code of a library whose panic would become an error. A program's panic hook should then print
/// nothing.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_none_and_is_expected_only_inside() {
        assert!(!is_expected());
        assert_eq!(catch(is_expected), Some(true));
        assert_eq!(catch(|| catch(|| 1).map(|_| is_expected())), Some(Some(true)));
        assert_eq!(catch(|| std::panic::resume_unwind(Box::new(()))), None::<()>);
        assert!(!is_expected());
    }
}
