//! Ctrl-C, and the request of a scheduler to end.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::exit_code::INTERRUPTED;

/// A flag that Ctrl-C and a request to terminate set. The second of them ends the process, in case a step never ends.
pub fn stop_on_signals() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static LISTENING: AtomicBool = AtomicBool::new(false);
    let handler = || {
        if STOP.swap(true, Ordering::Relaxed) {
            end_at_once(INTERRUPTED.into());
        }
    };
    // A process may train several times, but a handler can be set only once.
    if !LISTENING.swap(true, Ordering::Relaxed) {
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C; try again")?;
    }
    Ok(&STOP)
}

/// Ends the process without the cleanup of its libraries. Another thread may be compiling a shader, and a driver's compiler
/// whose data is taken away ends the process with an error of its own.
fn end_at_once(code: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: `_exit` may be called at any time and from any thread, and it does not return.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(code)
    }
    // Windows ends all other threads first.
    #[cfg(not(unix))]
    std::process::exit(code)
}
