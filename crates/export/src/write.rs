//! Writing an export to a stream, or to a file that is either whole or not there.

use crate::graph::Graph;
use crate::selection::{self, Selection};
use crate::{Format, Options};
use crate::{callgrind, chrome, collapsed, dot, flame, json, lprof, pprof, pstats, speedscope};
use pitstop_analysis::CallTable;
use pitstop_model::{BrokenLaw, Profile};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an export could not be written.
#[derive(Error, Debug)]
pub enum Error {
    /// The profile itself is damaged.
    #[error("cannot export a damaged profile: {0}; record it again")]
    Damaged(#[from] BrokenLaw),
    /// There is nothing to write: the profile has no samples.
    #[error("nothing to export: the profile holds no samples; run the program for longer")]
    NoSamples,
    /// There is nothing to write: calls were counted, but took no time that could be measured.
    #[error(
        "nothing to export: no traced call took measurable time; its counts can be written as pstats"
    )]
    NoTime,
    /// There is nothing to write: no line was timed.
    #[error("nothing to export: no line was timed exactly; run `pitstop lines --exact` first")]
    NoLines,
    /// There is nothing to write: the selection left nothing.
    #[error(
        "nothing to export: no sample is {}; export all samples instead",
        .0.description()
    )]
    NothingSelected(Selection),
    /// The format shows single calls in time, and none is kept.
    #[error("nothing to export: no call kept its time; record with `pitstop trace --timeline`")]
    NoTimeline,
    /// The stream failed.
    #[error("cannot write the {} export: {cause}", .format.name())]
    Stream {
        /// What was being written.
        format: Format,
        /// What the system said.
        cause: io::Error,
    },
    /// The file could not be made or replaced.
    #[error("cannot write `{}`: {cause}{}", .path.display(), hint(.cause))]
    File {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "; create its directory first",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a directory you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space",
        io::ErrorKind::IsADirectory => "; name a file in it",
        _ => "",
    }
}

/// Writes a profile in a format.
///
/// # Errors
/// When the profile breaks a law of the model, when no sample is selected (our JSON is written
/// all the same: it says how the recording went), or when `out` fails.
pub fn write(
    profile: &Profile,
    format: Format,
    options: &Options,
    out: &mut dyn Write,
) -> Result<(), Error> {
    check(profile, format, options)?;
    render(profile, format, options, out).map_err(|cause| Error::Stream { format, cause })
}

/// Writes a profile to a file. The file appears, or is replaced, only when it is complete.
///
/// A path that is no regular file (a pipe, `/dev/stdout`) is written to directly.
///
/// # Errors
/// As [`write()`], and when the file cannot be made.
pub fn write_file(
    profile: &Profile,
    format: Format,
    options: &Options,
    path: &Path,
) -> Result<(), Error> {
    check(profile, format, options)?;
    fill_file(path, |out| render(profile, format, options, out))
}

/// The formats that know functions and their callers, and nothing more.
pub const TABLE_FORMATS: [Format; 3] = [Format::Pstats, Format::Callgrind, Format::Dot];

/// Writes what `cProfile` counted to a file, in one of [`TABLE_FORMATS`]; in any other it is
/// written as if for `pstats`.
///
/// # Errors
/// When the file cannot be made.
pub fn write_table_file(table: &CallTable, format: Format, path: &Path) -> Result<(), Error> {
    fill_file(path, |out| {
        let mut out = BufWriter::new(out);
        match format {
            Format::Callgrind => callgrind::write_graph(&Graph::of_table(table), &mut out)?,
            Format::Dot => dot::write_graph(&Graph::of_table(table), &mut out)?,
            _ => out.write_all(&pstats::prof_bytes(table))?,
        }
        out.flush()
    })
}

fn fill_file(path: &Path, render: impl Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let failed = |cause| Error::File {
        path: path.to_owned(),
        cause,
    };
    let fill = |mut file: &File| render(&mut file);
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| fill(&file))
            .map_err(failed),
        // Replacing a link would cut it; what it points at is meant.
        Ok(_) => fs::canonicalize(path)
            .and_then(|real| replace(&real, fill))
            .map_err(failed),
        Err(_) => replace(path, fill).map_err(failed),
    }
}

fn check(profile: &Profile, format: Format, options: &Options) -> Result<(), Error> {
    profile.check()?;
    if format == Format::Lprof {
        return if profile.line_times.is_empty() {
            Err(Error::NoLines)
        } else {
            Ok(())
        };
    }
    if format == Format::Chrome {
        return if profile.spans.is_empty() {
            Err(Error::NoTimeline)
        } else {
            Ok(())
        };
    }
    // A trace without time has counts all the same.
    let is_counted = TABLE_FORMATS.contains(&format) && !profile.calls.is_empty();
    if is_counted || format == Format::Json || selection::total_ns(profile, options.selection) > 0 {
        Ok(())
    } else if selection::total_ns(profile, Selection::All) > 0 {
        Err(Error::NothingSelected(options.selection))
    } else if profile.calls.is_empty() {
        Err(Error::NoSamples)
    } else {
        Err(Error::NoTime)
    }
}

fn render(
    profile: &Profile,
    format: Format,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    match format {
        Format::Collapsed => collapsed::write(profile, options, &mut out)?,
        Format::Speedscope => speedscope::write(profile, options, &mut out)?,
        Format::Pprof => pprof::write_gzip(profile, options, &mut out)?,
        Format::PprofPlain => pprof::write(profile, options, &mut out)?,
        Format::Pstats => pstats::write(profile, options, &mut out)?,
        Format::Lprof => lprof::write(profile, &mut out)?,
        Format::Svg => flame::write(profile, options, &mut out)?,
        Format::Callgrind => callgrind::write(profile, options, &mut out)?,
        Format::Dot => dot::write(profile, options, &mut out)?,
        Format::Chrome => chrome::write(profile, options, &mut out)?,
        Format::Json => json::write(profile, options, &mut out)?,
    }
    out.flush()
}

/// Fills a new file beside `path` and renames it, so that `path` is never half written.
fn replace(path: &Path, fill: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    // Only a killed export leaves a part behind. A part that somebody else put there, say as a
    // link to another file, is never written through: `create_new` refuses.
    let _ = fs::remove_file(&part);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)?;
    let done = fill(&file)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&part, path));
    if done.is_err() {
        // The first failure is the one to report; a leftover part does no harm.
        let _ = fs::remove_file(&part);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("old.txt");
        fs::write(&path, "old").expect("writes");
        let broken = |_: &File| Err(io::Error::other("no"));
        assert!(replace(&path, broken).is_err());
        assert_eq!(fs::read_to_string(&path).expect("reads"), "old");
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1);
    }

    #[test]
    fn a_file_is_replaced_whole_and_through_a_link() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a.txt");
        let link = dir.path().join("link.txt");
        fs::write(&path, "old").expect("writes");
        std::os::unix::fs::symlink(&path, &link).expect("links");
        let profile = testing::hostile();
        write_file(&profile, Format::Collapsed, &Options::default(), &link).expect("exports");
        assert!(fs::read_to_string(&path).expect("reads").contains("dedupe"));
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 2);
    }

    #[test]
    fn errors_say_what_failed_and_what_to_do() {
        let profile = testing::hostile();
        let options = Options::default();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lost = dir.path().join("no/such/a.txt");
        let error = write_file(&profile, Format::Collapsed, &options, &lost).expect_err("fails");
        assert!(error.to_string().ends_with("create its directory first"));
        let error = write_file(&profile, Format::Svg, &options, dir.path()).expect_err("fails");
        assert!(error.to_string().ends_with("name a file in it"));

        let empty = Profile::default();
        let mut out = Vec::new();
        let error = write(&empty, Format::Svg, &options, &mut out).expect_err("fails");
        assert!(matches!(error, Error::NoSamples));
        let error = write(&empty, Format::Lprof, &options, &mut out).expect_err("fails");
        assert!(matches!(error, Error::NoLines));
        write(&empty, Format::Json, &options, &mut out).expect("writes what is known");
    }

    #[test]
    fn every_format_reports_a_failing_stream() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let profile = testing::traced();
        for format in Format::ALL {
            let error = write(&profile, format, &Options::default(), &mut Full);
            assert!(matches!(error, Err(Error::Stream { .. })), "{format:?}");
        }
    }
}
