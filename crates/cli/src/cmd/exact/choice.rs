//! Which functions to time: those named, those decorated, or those that turn out to be hot.

use crate::args::{ExactArgs, OutputArgs, SamplingArgs};
use crate::cmd::record::{Recorder, Select};
use crate::exit::{End, Failure, Status};
use crate::findings::Depth;
use crate::program::Program;
use crate::say::say;
use crate::{kept, open};
use pitstop_analysis::{Elapsed, Place, Worth, worth_timing};
use pitstop_collect::Subject;
use pitstop_collect::lines::{Names, TO_THE_END, WantedCode, resolve};
use pitstop_model::{ExitStatus, Id, Method, Profile};
use std::env;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What came of choosing.
pub(super) enum Choice {
    /// These, beside what is decorated.
    Time(Vec<WantedCode>),
    /// There will be no second run.
    End(End),
}

/// Chooses what to time. That may need a run of the program.
pub(super) fn choose(args: &ExactArgs, program: &Program) -> Result<Choice, Failure> {
    let names = names(&args.prof_mod);
    let as_kernprof = args.kernprof
        || args.line_by_line.is_some()
        || args.builtin_short
        || args.builtin == Some(true);
    let main = Main::of(args, program);
    if args.prof_imports == Some(true) && names.is_empty() {
        return Err(Failure::new(Status::Usage, "--prof-imports needs -p")
            .cure("name the script too: -p script.py --prof-imports"));
    }
    if !names.is_empty() {
        return named(args, program, &main, &names).map(Choice::Time);
    }
    if let Some(text) = main.text.as_deref().filter(|_| main.is_generated) {
        // kernprof times all functions of code that is in no file.
        if as_kernprof || decorates(text) {
            return Ok(Choice::Time(vec![whole(main.name())]));
        }
    }
    if as_kernprof || main.text.as_deref().is_some_and(decorates) {
        return Ok(Choice::Time(Vec::new()));
    }
    hot(args, program, &main)
}

/// The main program, as far as it is known before it runs.
struct Main {
    /// Its file, if it is one.
    file: Option<PathBuf>,
    /// Its text, where it could be read.
    text: Option<String>,
    /// It comes from `-c` or from standard input.
    is_generated: bool,
    from_stdin: bool,
    /// What stands first on its `sys.path`.
    directory: PathBuf,
}

impl Main {
    fn of(args: &ExactArgs, program: &Program) -> Self {
        let here = env::current_dir().unwrap_or_default();
        let text = program.known_sources.first().map(|(_, text)| text.clone());
        let script = program.launch.shown.first().map(PathBuf::from);
        let from_stdin = args.program.module.is_none() && script.as_deref() == Some(Path::new("-"));
        let is_generated = args.program.code.is_some() || from_stdin;
        if args.program.module.is_some() || is_generated {
            return Self {
                file: None,
                text,
                is_generated,
                from_stdin,
                directory: here,
            };
        }
        let file = script
            .as_deref()
            .and_then(|script| fs::canonicalize(script).ok());
        let parent = file.as_deref().and_then(Path::parent).map(Path::to_owned);
        let is_directory = file.as_deref().is_some_and(Path::is_dir);
        Self {
            directory: match (&file, is_directory) {
                (Some(directory), true) => directory.clone(),
                _ => parent.unwrap_or(here),
            },
            file: file.map(|file| {
                if is_directory {
                    file.join("__main__.py")
                } else {
                    file
                }
            }),
            text,
            is_generated,
            from_stdin,
        }
    }

    /// What the interpreter calls code without a file.
    fn name(&self) -> &'static str {
        if self.from_stdin {
            "<stdin>"
        } else {
            "<string>"
        }
    }
}

/// Everything with a `def` in a file.
fn whole(file: &str) -> WantedCode {
    WantedCode {
        file: file.to_owned(),
        first_line: 1,
        last_line: TO_THE_END,
        name: None,
    }
}

/// The names given to `-p`. An empty one forgets those before it; an existing path may have commas.
fn names(given: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for text in given {
        if text.is_empty() {
            names.clear();
        } else if Path::new(text).exists() {
            names.push(text.clone());
        } else {
            let parts = text.split(',').filter(|part| !part.is_empty());
            names.extend(parts.map(str::to_owned));
        }
    }
    names
}

fn named(
    args: &ExactArgs,
    program: &Program,
    main: &Main,
    names: &[String],
) -> Result<Vec<WantedCode>, Failure> {
    let query = Names {
        interpreter: &program.launch.program,
        directory: &main.directory,
        main: main.file.as_deref(),
        imports: args.prof_imports == Some(true),
        names,
    };
    let resolved = resolve(&query).map_err(|error| Failure::of(Status::CannotMeasure, &error))?;
    if resolved.wanted.is_empty()
        && let Some((name, reason)) = resolved.missing.first()
    {
        return Err(
            Failure::new(Status::Usage, format!("`{name}` cannot be timed"))
                .because(reason)
                .cure("name a file, or a module as the program would import it, after -p"),
        );
    }
    for (name, reason) in &resolved.missing {
        say!("note: `{name}` is not timed: {reason}");
    }
    let mut wanted = resolved.wanted;
    if main.is_generated {
        wanted.push(whole(main.name()));
    }
    Ok(wanted)
}

/// True for a program that says itself what to time.
fn decorates(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let decorator = line.strip_prefix('@').unwrap_or_default();
        let name = decorator
            .split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)))
            .next();
        matches!(
            name,
            Some("profile" | "line_profiler.profile" | "pitstop.profile")
        )
    })
}

/// What the last result found hot, if it is of this program; else what a sampled run finds.
fn hot(args: &ExactArgs, program: &Program, main: &Main) -> Result<Choice, Failure> {
    let say = |what: &str| {
        if args.quiet == 0 {
            say!("note: {what}");
        }
    };
    if let Some(wanted) = last(program) {
        say("timing what the last result of this program found hot");
        return Ok(Choice::Time(wanted));
    }
    if main.from_stdin && main.text.is_none() {
        return Err(Failure::new(
            Status::Usage,
            "the functions to time cannot be found by a first run",
        )
        .because("the program comes through a pipe, which can be read once")
        .cure("put it in a file, or decorate functions with @profile and use -l"));
    }
    say("first run: finding the functions that take the time");
    let position = stdin_position();
    let (sampling, output) = (SamplingArgs::default(), OutputArgs::default());
    let recorder = Recorder {
        subject: Subject::Launch(program.launch.clone()),
        known_sources: program.known_sources.clone(),
        sampling: &sampling,
        output: &output,
        select: Select::default(),
        findings: Depth::None,
        python: None,
    };
    let recording = recorder.collect(None)?;
    match recording.exit {
        Some(ExitStatus::Code(_)) => {}
        // It was ended from outside; whoever did that does not want it to run again.
        Some(signal) => return Ok(Choice::End(End::LikeProgram(signal))),
        None => return Ok(Choice::End(End::With(Status::Failed))),
    }
    let wanted = worthy(&recording.profile);
    if wanted.is_empty() {
        let failure = Failure::new(Status::CannotMeasure, "no function was found to time");
        return Err(match &recording.refusal {
            Some(refusal) => failure.because(refusal),
            None => failure.because("the program was too short to be sampled"),
        }
        .cure("name functions with -p, or decorate them with @profile"));
    }
    rewind_stdin(position);
    let names: Vec<&str> = wanted
        .iter()
        .map(|(place, _)| place.function.as_str())
        .collect();
    say(&format!("second run: timing {}", names.join(", ")));
    Ok(Choice::Time(
        wanted.into_iter().map(|(_, code)| code).collect(),
    ))
}

/// The functions worth timing of a sampled run.
fn worthy(profile: &Profile) -> Vec<(Place, WantedCode)> {
    let places = worth_timing(profile, &Elapsed::of(profile), Worth::default());
    let directory = Path::new(&profile.meta.directory);
    let code = |place: Place| {
        let code = wanted(&place.path, place.line, &place.function, directory);
        (place, code)
    };
    places.into_iter().map(code).collect()
}

/// The code object of one function.
fn wanted(path: &str, line: u32, qualname: &str, directory: &Path) -> WantedCode {
    let real = fs::canonicalize(directory.join(path)).ok();
    let file = real.and_then(|real| real.into_os_string().into_string().ok());
    let name = qualname.rsplit('.').next().unwrap_or(qualname);
    WantedCode {
        file: file.unwrap_or_else(|| path.to_owned()),
        first_line: line,
        last_line: line,
        name: Some(name.to_owned()),
    }
}

/// What the last result says about this very program, unchanged since.
fn last(program: &Program) -> Option<Vec<WantedCode>> {
    let profile = open::load(&kept::last()?).ok()?;
    let here = env::current_dir().ok()?;
    let words = program.launch.shown.iter();
    let shown: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let meta = &profile.meta;
    if meta.command != shown || Path::new(&meta.directory) != here || meta.interrupted {
        return None;
    }
    let wanted: Vec<WantedCode> = match meta.method {
        Method::Sampling => worthy(&profile).into_iter().map(|(_, code)| code).collect(),
        Method::LineTiming => timed(&profile),
        Method::Tracing => return None,
    };
    let is_same = |code: &WantedCode| is_unchanged(&profile, program, &code.file);
    (!wanted.is_empty() && wanted.iter().all(is_same)).then_some(wanted)
}

/// The functions that a line-timing run timed.
fn timed(profile: &Profile) -> Vec<WantedCode> {
    let directory = Path::new(&profile.meta.directory);
    let functions = profile.line_times.functions.iter();
    functions
        .map(|timed| {
            let function = profile.places.function(timed.function);
            let path = profile.text(profile.places.file(function.file).path);
            let name = profile.text(function.name);
            wanted(path, function.first_line, name, directory)
        })
        .collect()
}

/// True if a file's text is what was kept with the result: else lines may mean other functions.
fn is_unchanged(profile: &Profile, program: &Program, file: &str) -> bool {
    let directory = Path::new(&profile.meta.directory);
    let mut files = profile.places.files().iter().enumerate();
    let id = files.find(|(_, one)| {
        let path = profile.text(one.path);
        path == file || fs::canonicalize(directory.join(path)).is_ok_and(|real| real == *file)
    });
    let id = id.map(|(index, _)| pitstop_model::FileId::from_index(index));
    let kept = id.and_then(|id| profile.sources.get(id));
    let known = program.known_sources.iter().find(|(name, _)| name == file);
    let now = known
        .map(|(_, text)| text.clone())
        .or_else(|| fs::read_to_string(file).ok());
    kept.zip(now).is_some_and(|(kept, now)| *kept.text == *now)
}

/// Where standard input stands, if it is a file.
fn stdin_position() -> Option<u64> {
    let mut file = stdin_file()?;
    file.metadata().ok().filter(fs::Metadata::is_file)?;
    file.stream_position().ok()
}

/// Gives the second run the input that the first one had.
fn rewind_stdin(position: Option<u64>) {
    if let Some((mut file, position)) = stdin_file().zip(position) {
        // What cannot be rewound was not read either.
        let _ = file.seek(SeekFrom::Start(position));
    }
}

/// Standard input with the position that the program shares.
fn stdin_file() -> Option<File> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned().ok()?;
    Some(File::from(descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_commas_and_forgotten_after_an_empty_one() {
        let given = |texts: &[&str]| -> Vec<String> {
            names(
                &texts
                    .iter()
                    .map(|&text| text.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(given(&["a,b", "c"]), ["a", "b", "c"]);
        assert_eq!(given(&["a,b", "", "c,"]), ["c"]);
        assert!(given(&["a", ""]).is_empty());
    }

    #[test]
    fn a_program_that_decorates_is_known_by_its_text() {
        for text in [
            "@profile\ndef f(): pass",
            "class A:\n    @profile  # here\n    def f(): pass",
            "@line_profiler.profile\ndef f(): pass",
        ] {
            assert!(decorates(text), "{text}");
        }
        for text in [
            "@profiled\ndef f(): pass",
            "# @profile",
            "profile = 1",
            "@app.profile",
        ] {
            assert!(!decorates(text), "{text}");
        }
    }
}
