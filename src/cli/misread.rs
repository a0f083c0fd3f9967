//! Options whose value is no number.

use std::error::Error;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ErrorKind};

/// `error`, or if it is about a value that is no number, one that says so in other words than the standard library's.
pub fn in_plain_words(error: clap::Error) -> clap::Error {
    let [option, value] = [ContextKind::InvalidArg, ContextKind::InvalidValue].map(|kind| error.get(kind));
    match (error.source().and_then(reason), option, value) {
        (Some(reason), Some(option), Some(value)) => {
            let message =
                format!("invalid value '{value}' for '{option}': {reason}\n\nFor more information, try '--help'.\n");
            clap::Error::raw(ErrorKind::ValueValidation, message)
        }
        _ => error,
    }
}

fn reason(source: &(dyn Error + 'static)) -> Option<&'static str> {
    if source.is::<ParseFloatError>() {
        return Some("it is not a number");
    }
    match source.downcast_ref::<ParseIntError>()?.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Some("the number is out of range"),
        _ => Some("it is not a whole number"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn values_that_are_no_numbers_are_named() {
        for (arguments, reason) in [
            (
                "wgrad train --batch-size many",
                "invalid value 'many' for '--batch-size <IMAGES>': it is not a whole number",
            ),
            ("wgrad train --epochs 2.5", "it is not a whole number"),
            ("wgrad train --epochs 99999999999999999999999", "the number is out of range"),
            ("wgrad train --learning-rate fast", "it is not a number"),
            ("wgrad train --precision f8", "f8"),
        ] {
            let error = Cli::try_parse_from(arguments.split_whitespace()).unwrap_err();
            let message = in_plain_words(error).to_string();
            assert!(message.contains(reason) && !message.contains("string"), "{message}");
        }
    }
}
