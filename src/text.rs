//! Text of messages.

/// A message without line breaks: those of libraries have some, and so have names in files.
pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
