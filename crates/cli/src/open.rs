//! From a path, or the word `last`, to a Profile.

use crate::exit::{Failure, Status};
use crate::kept;
use crate::say::say;
use pitstop_archive::{Detail, Error, Loaded};
use pitstop_model::Profile;
use std::path::{Path, PathBuf};

/// Archives up to this size are loaded with their samples in time order, which some answers are
/// better for; larger ones only as totals.
const DETAIL_BYTES: u64 = 16 << 20;

/// Loads a profile. Of a recording that was cut short it says so on standard error, and returns
/// what was written before the cut; one that was cut before its first sample is an error.
pub(crate) fn open(path: &Path) -> Result<Profile, Failure> {
    let is_last = path == Path::new(kept::LAST) && !path.exists();
    let file = if is_last { last()? } else { path.to_owned() };
    let loaded = read(&file).map_err(|error| explain(&error, is_last))?;
    if loaded.complete && loaded.lost_bytes == 0 {
        return Ok(loaded.profile);
    }
    // The archive adds what is wrong with it behind the notes of the recording.
    let note = loaded.profile.meta.notes.last();
    let note = note.map_or("it has no end", String::as_str);
    if !loaded.complete && is_empty(&loaded.profile) {
        let what = format!("nothing that was measured is left in `{}`", file.display());
        return Err(Failure::new(Status::Usage, what)
            .because(note)
            .cure("record it again; while it is being recorded, wait a second"));
    }
    say!("note: `{}`: {note}", file.display());
    Ok(loaded.profile)
}

fn is_empty(profile: &Profile) -> bool {
    profile.series.is_empty() && profile.calls.is_empty() && profile.line_times.is_empty()
}

/// Loads the profile in a file, whole or not.
pub(crate) fn load(file: &Path) -> Result<Profile, Error> {
    Ok(read(file)?.profile)
}

fn read(file: &Path) -> Result<Loaded, Error> {
    let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
    let detail = if size <= DETAIL_BYTES {
        Detail::Moments
    } else {
        Detail::Totals
    };
    pitstop_archive::read(file, detail)
}

fn last() -> Result<PathBuf, Failure> {
    kept::last().ok_or_else(|| {
        Failure::new(Status::Usage, "there is no place where results are kept")
            .because("neither XDG_CACHE_HOME nor HOME is set to a directory")
            .cure("set HOME, or name a .pit file")
    })
}

fn explain(error: &Error, is_last: bool) -> Failure {
    let failure = Failure::of(Status::Usage, error);
    match error {
        Error::NotFound { .. } if is_last => {
            Failure::new(Status::Usage, "there is no last result yet")
                .cure("run a program first: pitstop run script.py")
        }
        _ => failure,
    }
}
