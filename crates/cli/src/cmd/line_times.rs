//! Exact times by line: of a run of `lines --exact`, or of files of line_profiler.

use crate::args::TimesArgs;
use crate::exit::{Failure, Outcome, Status};
use crate::print::answer;
use crate::style::Choice;
use pitstop_analysis::line_times::{Text, is_generated};
use pitstop_analysis::{FunctionLines, LineStats, Listing};
use pitstop_model::{FileId, Id, Profile};
use pitstop_view::Style;
use pitstop_view::line_times::{Options, render};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// The ending of line_profiler's files.
const ENDING: &str = ".lprof";
/// Larger files are not statistics of lines.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// How to print exact times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show<'a> {
    pub(crate) times: &'a TimesArgs,
    pub(crate) summarize: bool,
    pub(crate) json: bool,
    /// Only functions and files of these names, if there are any.
    pub(crate) names: &'a [String],
}

/// Takes the files of line_profiler out of the names on the command line.
pub(crate) fn take_files(names: &mut Vec<String>) -> Vec<PathBuf> {
    let (files, others) = names.drain(..).partition(|name| name.ends_with(ENDING));
    *names = others;
    let files: Vec<String> = files;
    files.into_iter().map(Into::into).collect()
}

/// Prints what files of line_profiler hold, added up.
pub(crate) fn of_files(files: &[PathBuf], show: &Show<'_>, style: Choice) -> Outcome {
    let all: Result<Vec<LineStats>, Failure> = files.iter().map(|file| read(file)).collect();
    let stats = LineStats::merged(all?).unwrap_or(LineStats {
        unit_s: 1e-9,
        functions: Vec::new(),
    });
    let stats = chosen(stats, show.names)?;
    let mut disk = Disk::default();
    let listings: Vec<Listing> = stats
        .functions
        .iter()
        .map(|function| Listing::of(function, &disk.text(&function.file)))
        .collect();
    print(&stats, &listings, show, style)
}

/// Prints the timed lines of a result.
pub(crate) fn of_profile(profile: &Profile, show: &Show<'_>, style: Choice) -> Outcome {
    let stats = chosen(LineStats::of(profile), show.names)?;
    let listings = listings(profile, &stats);
    print(&stats, &listings, show, style)
}

/// The functions of a result beside the source that was kept with it.
pub(crate) fn listings(profile: &Profile, stats: &LineStats) -> Vec<Listing> {
    let files = profile.places.files().iter().enumerate();
    let by_path: HashMap<&str, FileId> = files
        .map(|(index, file)| (profile.text(file.path), FileId::from_index(index)))
        .collect();
    let text = |path: &str| {
        let source = by_path.get(path).and_then(|&id| profile.sources.get(id));
        match source {
            Some(source) => Text::Known(Cow::Owned(source.text.to_string())),
            None => absent(path),
        }
    };
    stats
        .functions
        .iter()
        .map(|function| Listing::of(function, &text(&function.file)))
        .collect()
}

/// The text of exact times for one of our outputs.
pub(crate) fn text(
    stats: &LineStats,
    listings: &[Listing],
    show: &Show<'_>,
    mut style: Style,
    terminal: bool,
) -> String {
    style.color |= show.times.rich;
    let options = Options {
        unit_s: show.times.unit,
        skip_zero: show.times.skip_zero,
        sort: show.times.sort,
        summarize: show.summarize,
        wide: show.times.wide,
        // A file or a pipe gets what line_profiler would give it, to the byte.
        safe: terminal,
    };
    render(stats, listings, &options, &style)
}

fn print(stats: &LineStats, listings: &[Listing], show: &Show<'_>, style: Choice) -> Outcome {
    if show.json {
        return answer(&pitstop_view::json::line_times(stats, listings));
    }
    let terminal = io::stdout().is_terminal();
    answer(&text(stats, listings, show, style.for_stdout(), terminal))
}

/// The functions that the names choose: by their own name, or by their file.
fn chosen(mut stats: LineStats, names: &[String]) -> Result<LineStats, Failure> {
    if names.is_empty() {
        return Ok(stats);
    }
    let is_named = |function: &FunctionLines, name: &String| {
        let last = function.name.rsplit('.').next();
        function.name == *name
            || last == Some(name)
            || function.file == *name
            || function.file.ends_with(&format!("/{name}"))
    };
    stats
        .functions
        .retain(|function| names.iter().any(|name| is_named(function, name)));
    if stats.functions.is_empty() {
        let named = names.join("` or `");
        let what = format!("no function or file that was timed is called `{named}`");
        return Err(Failure::new(Status::Usage, what).cure("see all: leave the name out"));
    }
    Ok(stats)
}

fn read(file: &Path) -> Result<LineStats, Failure> {
    let failed = |why: String| {
        let what = format!("`{}` cannot be shown", file.display());
        Failure::new(Status::Usage, what).because(why)
    };
    let size = fs::metadata(file).map_or(0, |meta| meta.len());
    if size > MAX_FILE_BYTES {
        return Err(failed("it is larger than 1 GiB".into()));
    }
    let bytes = fs::read(file).map_err(|error| failed(error.to_string()))?;
    pitstop_export::read_lprof(&bytes).map_err(|error| {
        failed(error.to_string()).cure("name a file that kernprof -l or `pitstop lines` wrote")
    })
}

/// What a file that has no text here is.
fn absent(path: &str) -> Text<'static> {
    let temporary = std::env::temp_dir();
    if is_generated(path, &temporary.to_string_lossy()) {
        Text::Generated
    } else {
        Text::Missing
    }
}

/// Source files, each read once.
#[derive(Default)]
struct Disk {
    texts: HashMap<String, Option<String>>,
}

impl Disk {
    fn text(&mut self, path: &str) -> Text<'_> {
        let known = self.texts.entry(path.to_owned());
        let text = known.or_insert_with(|| source(Path::new(path)));
        match text {
            Some(text) => Text::Known(Cow::Borrowed(text)),
            None => absent(path),
        }
    }
}

/// The text of a source file; `None` if there is no such file. What is there and cannot be read is
/// empty, as for line_profiler.
fn source(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
        return Some(String::new());
    }
    let bytes = fs::read(path).unwrap_or_default();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    // Python's source is UTF-8 unless it says otherwise; Latin-1 keeps every line of the rest.
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_line_profiler_are_told_from_names() {
        let mut names = ["a.lprof", "f", "b.lprof"].map(str::to_owned).to_vec();
        let files = take_files(&mut names);
        assert_eq!(files, [PathBuf::from("a.lprof"), PathBuf::from("b.lprof")]);
        assert_eq!(names, ["f"]);
    }

    #[test]
    fn functions_are_chosen_by_name_or_file() {
        let function = |file: &str, name: &str| FunctionLines {
            file: file.into(),
            name: name.into(),
            ..FunctionLines::default()
        };
        let stats = LineStats {
            unit_s: 1e-9,
            functions: vec![function("lib/a.py", "A.f"), function("b.py", "g")],
        };
        let chosen_by = |name: &str| {
            let stats = chosen(stats.clone(), &[name.to_owned()]);
            stats.map(|stats| {
                stats
                    .functions
                    .iter()
                    .map(|f| f.name.clone())
                    .collect::<Vec<_>>()
            })
        };
        for (name, expected) in [("A.f", "A.f"), ("f", "A.f"), ("a.py", "A.f"), ("b.py", "g")] {
            assert_eq!(chosen_by(name).expect("one"), [expected]);
        }
        let failure = chosen_by("h").expect_err("none");
        assert!(failure.what.contains("`h`"), "{}", failure.what);
    }
}
