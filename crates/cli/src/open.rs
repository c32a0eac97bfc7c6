//! From a path, or the word `last`, to a Profile.

use crate::exit::{Failure, Status};
use crate::kept;
use pitstop_archive::{Detail, Error};
use pitstop_model::Profile;
use std::path::{Path, PathBuf};

/// Archives up to this size are loaded with their samples in time order, which some answers are
/// better for; larger ones only as totals.
const DETAIL_BYTES: u64 = 16 << 20;

/// Loads a profile.
pub(crate) fn open(path: &Path) -> Result<Profile, Failure> {
    let is_last = path == Path::new(kept::LAST) && !path.exists();
    let file = if is_last { last()? } else { path.to_owned() };
    load(&file).map_err(|error| explain(&error, is_last))
}

/// Loads the profile in a file.
pub(crate) fn load(file: &Path) -> Result<Profile, Error> {
    let size = std::fs::metadata(file).map_or(0, |meta| meta.len());
    let detail = if size <= DETAIL_BYTES {
        Detail::Moments
    } else {
        Detail::Totals
    };
    Ok(pitstop_archive::read(file, detail)?.profile)
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
