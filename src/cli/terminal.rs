//! What the user reads on the terminal.

use std::io::{self, Write};

/// Prints a line that the user must see, even where standard output goes to a file.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(line));
}

/// Prints a line. Training continues even if nobody reads standard output any more.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{}", printable(line));
}

/// Replaces control characters other than line breaks: names in files could contain commands for the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_command_the_terminal() {
        assert_eq!(printable("two\nlines \u{1b}[2J\u{9b}\r\u{e9}"), "two\nlines \u{fffd}[2J\u{fffd}\u{fffd}\u{e9}");
    }
}
