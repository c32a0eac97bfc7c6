//! Measurements in files: kept by name in `.pitstop`, or in the formats of other tools.

use crate::args::{TrialFormat, TrialOutputArgs};
use crate::exit::{Failure, Status};
use crate::say::say;
use pitstop_model::{Meta, Profile, Trials};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The directory of kept results, in the current one: they belong to a project.
const DIRECTORY: &str = ".pitstop";

/// The file of a kept result.
fn kept(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{name}.pit"))
}

/// The file that a word names: a path, or a name that something was kept under.
pub(crate) fn file(word: &str) -> Option<PathBuf> {
    let path = PathBuf::from(word);
    let is_ours = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        path.is_file() && matches!(ending, Some("pit" | "json"))
    };
    if is_ours(&path) {
        return Some(path);
    }
    let is_name = !word.contains(std::path::is_separator);
    // The plugin for pytest keeps what it measured as JSON.
    let json = Path::new(DIRECTORY).join(format!("{word}.json"));
    [kept(word), json]
        .into_iter()
        .find(|path| is_name && path.is_file())
}

/// A result with what it is called and when it was made.
pub(crate) struct Dated {
    pub(crate) label: String,
    /// Seconds since the epoch.
    pub(crate) unix_s: u64,
    pub(crate) trials: Trials,
}

/// The results that words name, or all that were kept, in order of the time they were made at. Of
/// files that do not say when it is the time they were written at.
pub(crate) fn in_order(words: &[String]) -> Result<Vec<Dated>, Failure> {
    let mut files = Vec::new();
    for word in words {
        let path = file(word).ok_or_else(|| {
            Failure::new(Status::Usage, format!("there is no result `{word}`"))
                .because("it is no kept name, nor a .pit or .json file")
                .cure("keep some: pitstop bench --save NAME STATEMENT")
        })?;
        files.push((word.clone(), path));
    }
    if words.is_empty() {
        files = all_kept();
    }
    if files.is_empty() {
        return Err(Failure::new(Status::Usage, "there are no results here yet")
            .because(format!(
                "nothing was kept in `{DIRECTORY}` of this directory"
            ))
            .cure("keep some, each under a name of its own: pitstop bench --save NAME STATEMENT"));
    }
    let mut results = Vec::new();
    for (label, path) in files {
        let meta = std::fs::metadata(&path).and_then(|meta| meta.modified());
        let written = meta
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let written = written.unwrap_or_default();
        let (made, trials) = load_dated(&path)?;
        // Those of one second keep the order they were written in.
        let order = (made.unwrap_or(written.as_secs()), written);
        results.push((
            order,
            Dated {
                label,
                unix_s: order.0,
                trials,
            },
        ));
    }
    results.sort_by_key(|(order, _)| *order);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The names and files of everything that was kept.
fn all_kept() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let mut files: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pit") && path.is_file())
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    files.sort();
    files
}

/// The measurements in a file.
pub(crate) fn load(path: &Path) -> Result<Trials, Failure> {
    Ok(load_dated(path)?.1)
}

/// The measurements in a file, and when they were made if it says so.
fn load_dated(path: &Path) -> Result<(Option<u64>, Trials), Failure> {
    let is_archive = path.extension().is_some_and(|ending| ending == "pit");
    let mut made = None;
    let trials = if is_archive {
        let profile = crate::open::open(path)?;
        made = Some(profile.meta.start_unix_s).filter(|&time| time > 0);
        profile.trials
    } else {
        let text = std::fs::read(path).map_err(|error| {
            Failure::new(
                Status::Usage,
                format!("`{}` cannot be read", path.display()),
            )
            .because(error)
        })?;
        pitstop_export::trials::read(&text).map_err(|error| {
            let what = format!("`{}` is {error}", path.display());
            Failure::new(Status::Usage, what).cure(
                "give a name that bench --save kept, or a JSON file that one of these tools wrote",
            )
        })?
    };
    if trials.is_empty() {
        let what = format!("`{}` holds no measurements", path.display());
        return Err(Failure::new(Status::Usage, what)
            .cure("make some: pitstop bench --save NAME STATEMENT"));
    }
    Ok((made, trials))
}

/// Keeps and writes what was asked for, and says so.
pub(crate) fn store(
    trials: &Trials,
    json: &str,
    command: &str,
    output: &TrialOutputArgs,
) -> Result<(), Failure> {
    if let Some(name) = &output.save {
        let path = kept(name);
        let made = std::fs::create_dir_all(DIRECTORY);
        made.map_err(|error| cannot_write(&path, &error))?;
        archive(&path, trials, command)?;
        say!(" kept      {name}: pitstop compare {name} OTHER");
    }
    if let Some(path) = &output.output {
        if path.extension().is_some_and(|ending| ending == "pit") {
            archive(path, trials, command)?;
        } else {
            let text = match output.format {
                TrialFormat::Pitstop => json.to_owned(),
                foreign => pitstop_export::trials::write(trials, format(foreign), now()),
            };
            std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?;
        }
        say!(" wrote     {}", path.display());
    }
    Ok(())
}

fn format(format: TrialFormat) -> pitstop_export::trials::Format {
    use pitstop_export::trials::Format;
    match format {
        TrialFormat::Hyperfine => Format::Hyperfine,
        TrialFormat::PytestBenchmark => Format::PytestBenchmark,
        TrialFormat::Asv => Format::Asv,
        TrialFormat::Pyperf | TrialFormat::Pitstop => Format::Pyperf,
    }
}

fn archive(path: &Path, trials: &Trials, command: &str) -> Result<(), Failure> {
    let profile = Profile {
        trials: trials.clone(),
        meta: Meta {
            tool_version: env!("CARGO_PKG_VERSION").into(),
            command: vec![command.to_owned()],
            duration_ns: trials.room.duration_ns,
            cpus: trials.room.cpus,
            start_unix_s: now(),
            ..Meta::default()
        },
        ..Profile::default()
    };
    let saved = pitstop_archive::save(path, &profile);
    saved.map_err(|error| Failure::of(Status::Failed, &error))?;
    Ok(())
}

/// Seconds since the epoch.
fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("`{}` cannot be written", path.display());
    Failure::new(Status::Failed, what).because(error)
}

/// A place that cannot be written to must not cost a measurement.
pub(crate) fn check(output: &TrialOutputArgs) -> Result<(), Failure> {
    let Some(path) = &output.output else {
        return Ok(());
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    let cannot = |why: &str, cure: String| {
        let what = format!("`{}` cannot be written", path.display());
        Failure::new(Status::Usage, what).because(why).cure(cure)
    };
    if !matches!(ending, Some("pit" | "json")) {
        return Err(cannot(
            "its ending names no format",
            "use .pit, or .json with --format".into(),
        ));
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match parent {
        Some(parent) if !parent.is_dir() => Err(cannot(
            "its directory does not exist",
            format!("mkdir -p {}", parent.display()),
        )),
        _ => Ok(()),
    }
}
