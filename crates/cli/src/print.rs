//! Answers on standard output.

use crate::exit::{End, Failure, Outcome, Status};
use std::io::{self, Write};

/// Prints an answer and ends well. A reader that went away early (`| head`) is no failure.
pub(crate) fn answer(text: &str) -> Outcome {
    bytes(text.as_bytes())?;
    Ok(End::With(Status::Fine))
}

/// Writes bytes to standard output. A reader that went away early is no failure here either.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Status::Failed,
            "the answer could not be written to standard output",
        )
        .because(error)),
        _ => Ok(()),
    }
}
