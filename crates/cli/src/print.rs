//! Answers on standard output.

use crate::exit::{End, Failure, Outcome, Status};
use std::io::{self, Write};

/// Prints an answer and ends well. A reader that went away early (`| head`) is no failure.
pub(crate) fn answer(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Status::Failed,
            "the answer could not be written to standard output",
        )
        .because(error)),
        _ => Ok(End::With(Status::Fine)),
    }
}

/// Says a line on standard error. Nobody may be listening (`2>&1 | head`, a full disk): the
/// program's own output and status are what counts, and they are not harmed by that.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
pub(crate) use say;
