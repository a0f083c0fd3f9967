//! wgrad's command line.

mod cli;

use std::io::{self, Write};
use std::panic;
use std::process::ExitCode;

use wgrad::foreign_panic;

fn main() -> ExitCode {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !foreign_panic::is_expected() {
            hook(panic);
        }
    }));
    match cli::run() {
        Ok(code) => code,
        // Who closes the pipe has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever stands in the names that it tells.
            let message = cli::printable(&error.to_string()).replace('\n', " ");
            let _ = writeln!(io::stderr(), "error: {message}");
            cli::exit_code(&error).into()
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
