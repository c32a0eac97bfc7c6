//! Where results are written to: the format of a file, whether it can be written, and writing it.
//! `-` is standard output everywhere.

use crate::cmd::record::Select;
use crate::exit::{Failure, Status};
use crate::print;
use crate::say::say;
use pitstop_export::{Error, Format};
use pitstop_model::Profile;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::Path;

/// True for the name that means standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// The foreign format for a file; `None` when it is to be an archive.
pub(crate) fn format_for(path: &Path, named: Option<&str>) -> Result<Option<Format>, Failure> {
    if let Some(name) = named {
        if name.eq_ignore_ascii_case("pit") {
            return Ok(None);
        }
        return Format::from_name(name).map(Some).ok_or_else(|| {
            Failure::new(Status::Usage, format!("there is no format `{name}`"))
                .cure(format!("use one of: {}", format_names()))
        });
    }
    if is_stdout(path) {
        return Err(Failure::new(
            Status::Usage,
            "standard output has no ending to tell the format",
        )
        .cure(format!("name one with --format: {}", format_names())));
    }
    if path.extension().is_some_and(|ending| ending == "pit") {
        return Ok(None);
    }
    Format::from_path(path).map(Some).ok_or_else(|| {
        Failure::new(
            Status::Usage,
            format!("the ending of `{}` names no format", path.display()),
        )
        .cure(format!("name one with --format: {}", format_names()))
    })
}

fn format_names() -> String {
    let names = Format::ALL.iter().map(|format| format.name());
    std::iter::once("pit")
        .chain(names)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether a result in this format, an archive for `None`, can go to standard output.
pub(crate) fn check_stdout(format: Option<Format>) -> Result<(), Failure> {
    let Some(format) = format else {
        return Err(
            Failure::new(Status::Usage, "a .pit file cannot be written to a pipe")
                .cure("name a file"),
        );
    };
    let is_text = matches!(
        format,
        Format::Collapsed
            | Format::Speedscope
            | Format::Svg
            | Format::Callgrind
            | Format::Dot
            | Format::Chrome
            | Format::Json
    );
    if !is_text && io::stdout().is_terminal() {
        return Err(
            Failure::new(Status::Usage, "this format is not text for a terminal")
                .cure("name a file, or pipe the output somewhere"),
        );
    }
    Ok(())
}

/// A file that is to be written must not be a directory, and must let itself be written to. What
/// is there already is not touched.
pub(crate) fn check_writable(path: &Path) -> Result<(), Failure> {
    if is_stdout(path) {
        return Ok(());
    }
    let cannot = || {
        Failure::new(
            Status::Usage,
            format!("`{}` cannot be written", path.display()),
        )
    };
    if path.is_dir() {
        return Err(cannot()
            .because("it is a directory")
            .cure("name a file in it"));
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(cannot()
            .because(format!("there is no directory `{}`", parent.display()))
            .cure(format!("mkdir -p {}", parent.display())));
    }
    let tried = match fs::metadata(path) {
        Ok(found) if found.is_file() => OpenOptions::new().write(true).open(path).map(drop),
        // Opening a pipe would wait for its reader.
        Ok(_) => Ok(()),
        // A link that leads nowhere: only writing tells.
        Err(_) if fs::symlink_metadata(path).is_ok() => Ok(()),
        Err(_) => OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|_| fs::remove_file(path)),
    };
    tried.map_err(|error| {
        cannot()
            .because(error)
            .cure("name a file where this user may write")
    })
}

/// Writes a profile in a foreign format.
pub(crate) fn export_to(
    profile: &Profile,
    format: Format,
    select: Select,
    path: &Path,
) -> Result<(), Failure> {
    export(profile, format, select, path)?.map_err(|error| Failure::of(Status::Failed, &error))
}

/// Writes what a program left in a foreign format; false if there was nothing to write, which is
/// no failure of a program that ran.
pub(crate) fn export_run(
    profile: &Profile,
    format: Format,
    select: Select,
    path: &Path,
) -> Result<bool, Failure> {
    match export(profile, format, select, path)? {
        Ok(()) => Ok(true),
        Err(error @ (Error::NoSamples | Error::NothingSelected(_))) => {
            say!("note: `{}` was not written: {error}", path.display());
            Ok(false)
        }
        Err(error) => Err(Failure::of(Status::Failed, &error)),
    }
}

fn export(
    profile: &Profile,
    format: Format,
    select: Select,
    path: &Path,
) -> Result<Result<(), Error>, Failure> {
    let options = pitstop_export::Options {
        selection: select.selection,
        granularity: select.granularity,
        // Titled with the command that ran.
        title: Some(profile.meta.command.join(" ")).filter(|title| !title.is_empty()),
    };
    if !is_stdout(path) {
        return Ok(pitstop_export::write_file(profile, format, &options, path));
    }
    // Whole or not at all, as a file is.
    let mut bytes = Vec::new();
    match pitstop_export::write(profile, format, &options, &mut bytes) {
        Ok(()) => print::bytes(&bytes).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// Writes text to a file.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), Failure> {
    if is_stdout(path) {
        return print::bytes(text.as_bytes());
    }
    fs::write(path, text).map_err(|error| {
        Failure::new(
            Status::Failed,
            format!("`{}` cannot be written", path.display()),
        )
        .because(error)
    })
}
