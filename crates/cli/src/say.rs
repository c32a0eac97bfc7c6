//! What we tell people on standard error beside the answer: notes, problems, files written.

use std::fmt::Arguments;
use std::io::{self, Write};

/// As `eprintln!`, but a standard error that is closed or full (`2>&1 | head`) is no reason to
/// panic: the program that was measured keeps its exit status. The lint `print_stderr` sees to it
/// that nobody takes the other one by habit.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::say::line(format_args!($($text)*))
    };
}

pub(crate) use say;

/// Writes one line, in one piece, to standard error; nobody can be told if that fails.
pub(crate) fn line(text: Arguments<'_>) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}
