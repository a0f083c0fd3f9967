//! The program `wgrad`.

mod cli;

use std::env;
use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;

use wgrad::foreign_panic;

fn main() -> ExitCode {
    leave_the_display_alone();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !foreign_panic::is_expected() {
            hook(panic);
        }
    }));
    match cli::run() {
        Ok(code) => code,
        // The reader closed the pipe because it has read enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, even if a name in the message has control characters.
            let message = cli::printable(&cli::message(&error)).replace('\n', " ");
            let _ = writeln!(io::stderr(), "error: {message}");
            cli::exit_code(&error).into()
        }
    }
}

/// Mesa's Vulkan layer `VK_LAYER_MESA_device_select` connects to Wayland or X to learn which GPU the desktop runs on, and
/// complains on standard error where there is no desktop. Computing needs neither: wgrad chooses the adapter itself. So the
/// layer is not loaded, unless `MESA_VK_DEVICE_SELECT` has an order for it.
fn leave_the_display_alone() {
    if env::var_os("MESA_VK_DEVICE_SELECT").is_some() || env::var_os("NODEVICE_SELECT").is_some() {
        return;
    }
    // SAFETY: this is the first call of `main`, so no other thread runs that could read or change the environment.
    #[allow(unsafe_code)]
    unsafe {
        env::set_var("NODEVICE_SELECT", "1");
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
