//! Profiles on the command line: which words name one, and what is in it.

use crate::exit::{Failure, Status};
use crate::{kept, open};
use pitstop_analysis::Evidence;
use pitstop_analysis::calls::CallTable;
use pitstop_export::{ProfError, looks_like_prof, read_prof};
use pitstop_model::{Method, Profile};
use pitstop_target::clock::local_time;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The largest `.prof` file that is read: ten times what a program of a million functions dumps.
const MAX_PROF_BYTES: u64 = 1 << 30;

/// The endings of files that are meant to be profiles, whatever is in them.
const ENDINGS: [&str; 3] = ["prof", "pstats", "pit"];

/// What a profile on the command line holds.
pub(super) enum Input {
    /// A file of `cProfile` or its kind.
    Prof(CallTable),
    /// One of ours.
    Recording(Box<Profile>),
}

/// True when a word names a profile and not a program: by what the file begins with, or where
/// there is nothing to go by, by its ending.
///
/// # Errors
/// When the file is there but cannot be read.
pub(super) fn is_profile(word: &OsStr) -> Result<bool, Failure> {
    let path = Path::new(word);
    let is_named_so = path
        .extension()
        .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Ok(false),
        Ok(_) => {}
        Err(_) => return Ok(is_named_so || word == kept::LAST),
    }
    // Where nobody may read it, the one who runs it says so better.
    let Ok(head) = head(path) else {
        return Ok(is_named_so);
    };
    Ok(is_named_so || head.starts_with(b"PITSTOP") || looks_like_prof(&head))
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path)?;
    // A pipe would be emptied by looking at it.
    if file.metadata()?.is_file() {
        file.take(8).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// Reads a profile.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn read(word: &OsStr) -> Result<Input, Failure> {
    let path = Path::new(word);
    let is_last = word == kept::LAST && !path.exists();
    if is_last || head(path).is_ok_and(|head| head.starts_with(b"PITSTOP")) {
        let profile = open::open(path)?;
        if profile.calls.is_empty() && Evidence::of(&profile).is_none() {
            return Err(no_calls(path, &profile));
        }
        return Ok(Input::Recording(Box::new(profile)));
    }
    let cannot = |why: &dyn std::fmt::Display| {
        let what = format!("`{}` cannot be read", path.display());
        Failure::new(Status::Usage, what).because(why)
    };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Status::Usage,
            format!("there is no file `{}`", path.display()),
        )
        .cure("check the path; `python -m cProfile -o FILE` makes such files"),
        _ => cannot(&error),
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_PROF_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > MAX_PROF_BYTES {
        return Err(cannot(&"it is larger than 1 GiB").cure("profile a part of the program"));
    }
    read_prof(&bytes).map(Input::Prof).map_err(|error| {
        let failure = Failure::new(
            Status::Usage,
            format!("`{}` is no whole profile", path.display()),
        );
        failure.because(&error).cure(match error {
            ProfError::Empty | ProfError::Cut(_) => "make it again, and let the program end",
            _ => "name a file that `python -m cProfile -o FILE` or pitstop wrote",
        })
    })
}

fn no_calls(path: &Path, profile: &Profile) -> Failure {
    let what = format!("`{}` holds no traced calls", path.display());
    let failure = Failure::new(Status::Usage, what);
    match profile.meta.method {
        Method::Tracing => failure.because("the program made no call while it was traced"),
        Method::LineTiming => failure
            .because("its lines were timed, not its calls")
            .cure("look at it with pitstop lines"),
        Method::Sampling => failure
            .because("it was sampled, and samples count no calls")
            .cure("look at it with pitstop tree or pitstop lines"),
    }
}

/// The line that `pstats` prints for a file: when it was last written, and its name.
pub(super) fn heading(word: &OsStr) -> String {
    let name = word.display();
    let written = fs::metadata(word).and_then(|meta| meta.modified()).ok();
    let seconds = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = seconds.and_then(|since| i64::try_from(since.as_secs()).ok());
    match seconds.and_then(local_time) {
        Some(time) => format!("{time}    {name}"),
        None => name.to_string(),
    }
}
