//! What is printed where: colours, widths, locales, and outputs that are closed or full.

use pitstop_e2e::{Finished, Workbench, fixture, on_oldest_and_newest_python, pythons};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

const ESCAPE: u8 = 0x1b;

/// Environment variables with their values.
type Settings<'a> = &'a [(&'a str, &'a str)];

/// A workbench with a last result that has waits, threads, long names and signs outside ASCII.
fn recorded() -> Workbench {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    let script = workbench.path().join("größe 函数 🐍.py");
    std::fs::copy(fixture("unicode_names.py"), &script).expect("it can be copied");
    let arguments = [OsStr::new("run"), script.as_os_str(), OsStr::new("0.3")];
    workbench.pitstop(&arguments).expect_code(0);
    workbench
}

fn run_short(workbench: &Workbench, settings: Settings, options: &[&str]) -> Finished {
    let mut command = workbench.command(&["run"]);
    command.args(options).arg(fixture("short.py"));
    Finished::of(command.envs(settings.iter().copied()), b"").expect_code(0)
}

/// Everything each command prints for a person, with these settings.
fn everything(workbench: &Workbench, settings: Settings) -> Vec<(String, String)> {
    let verdict = run_short(workbench, settings, &[]).stderr_text();
    let script = workbench.path().join("größe 函数 🐍.py");
    let mut command = workbench.command(&["run".as_ref(), script.as_os_str(), "0.3".as_ref()]);
    let unicode = Finished::of(command.envs(settings.iter().copied()), b"").expect_code(0);
    let mut all = vec![
        ("run short.py".to_owned(), verdict),
        ("run unicode".to_owned(), unicode.stderr_text()),
    ];
    for arguments in [
        &["lines"] as &[&str],
        &["lines", "--all"],
        &["tree"],
        &["tree", "--show-library", "--min", "0"],
        &["doctor"],
    ] {
        let mut command = workbench.command(arguments);
        let finished = Finished::of(command.envs(settings.iter().copied()), b"").expect_code(0);
        all.push((arguments.join(" "), finished.stdout_text()));
    }
    all
}

#[test]
fn colours_follow_the_flag_then_the_conventions() {
    let workbench = Workbench::with_python(pythons().last().expect("there is an interpreter"));
    let cases: [(Settings, &[&str], bool); 9] = [
        (&[], &[], false),
        (&[("FORCE_COLOR", "1")], &[], true),
        (&[("FORCE_COLOR", "0")], &[], false),
        (&[("CLICOLOR_FORCE", "1")], &[], true),
        (&[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], &[], false),
        (&[("NO_COLOR", ""), ("FORCE_COLOR", "1")], &[], true),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
        (&[("FORCE_COLOR", "1")], &["--color", "never"], false),
        (&[("TERM", "dumb")], &[], false),
    ];
    for (settings, options, coloured) in cases {
        let finished = run_short(&workbench, settings, options);
        let is_coloured = finished.stderr.contains(&ESCAPE);
        assert_eq!(
            is_coloured, coloured,
            "{settings:?} {options:?}\n{finished}"
        );
        assert_eq!(finished.stdout_text(), "ready\n");
    }
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    let workbench = recorded();
    for columns in [60_usize, 80, 100] {
        let width = columns.to_string();
        for (what, text) in everything(&workbench, &[("COLUMNS", &width)]) {
            for line in text.lines() {
                let wide = columns_of(line);
                assert!(
                    wide <= columns,
                    "{what}: {wide} of {columns} columns\n{line}\n{text}"
                );
            }
        }
    }
}

/// Columns on a terminal: signs of East Asian scripts and emoji take two.
fn columns_of(line: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF | 0xFF00..=0xFF60 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD)
    };
    line.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[test]
fn a_locale_without_unicode_gets_plain_ascii() {
    let workbench = recorded();
    for locale in ["C", "POSIX", "en_US.ISO-8859-1"] {
        for (what, text) in everything(&workbench, &[("LC_ALL", locale)]) {
            let foreign: Vec<char> = text.chars().filter(|c| !c.is_ascii()).collect();
            assert!(
                foreign.is_empty(),
                "{what} in {locale}: {foreign:?}\n{text}"
            );
        }
    }
}

#[test]
fn names_outside_ascii_are_shown_as_they_are() {
    let workbench = recorded();
    let tree = workbench.pitstop(&["tree"]).expect_code(0).stdout_text();
    for name in ["größe", "имя_函数", "𠀀𐍈"] {
        assert!(tree.contains(name), "{name}\n{tree}");
    }
}

/// A command inside a shell that first closes or redirects something.
fn in_shell(bare: &Command, redirection: &str) -> Finished {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("exec \"$@\" {redirection}"), "sh"]);
    command.arg(bare.get_program()).args(bare.get_args());
    command.current_dir(bare.get_current_dir().expect("it has a workbench"));
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Finished::of(&mut command, b"")
}

#[test]
fn a_closed_or_full_standard_error_does_not_harm_the_program() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        let script = fixture("sys_exit_3.py");
        for redirection in ["2>&-", "2>/dev/full", "0<&-", "0<&- 2>&-"] {
            let arguments = [OsStr::new("run"), script.as_os_str()];
            let finished = in_shell(&workbench.command(&arguments), redirection);
            assert_eq!(finished.code(), 3, "{redirection}\n{finished}");
            assert_eq!(
                finished.stdout_text(),
                "ready\n",
                "{redirection}\n{finished}"
            );
            assert!(workbench.last_result().exists(), "{redirection}");
            std::fs::remove_file(workbench.last_result()).expect("it can be removed");
        }
    });
}

#[test]
fn a_dash_is_standard_output_for_every_result() {
    let workbench = recorded();
    let program = fixture("short.py");
    let program = program.to_str().expect("a plain path");
    let said = |arguments: &[&str]| {
        let finished = workbench.pitstop(arguments).expect_code(0);
        assert!(!workbench.path().join("-").exists(), "{arguments:?}");
        assert!(!finished.stderr_text().contains("wrote"), "{finished}");
        finished.stdout_text()
    };
    for command in ["run", "record"] {
        let text = said(&[command, "-o", "-", "-f", "collapsed", program]);
        let (own, stacks) = text.split_once('\n').expect("lines");
        assert_eq!(own, "ready");
        let mut stacks = stacks.lines().map(|line| line.rsplit_once(' '));
        let is_stack =
            |line: Option<(&str, &str)>| line.is_some_and(|(_, n)| n.parse::<u64>().is_ok());
        assert!(stacks.all(is_stack) && text.contains("work"), "{text}");
        let text = said(&[command, "--json", "-", program]);
        let json = text
            .strip_prefix("ready\n")
            .expect("the program's own line");
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(json["schema"], "pitstop/verdict@1");
    }
    let mut wrong = Vec::new();
    for (arguments, why) in [
        (&["run", "-o", "-", program] as &[&str], "--format"),
        (&["run", "-o", "-", "-f", "pit", program], "pipe"),
        (
            &["run", "-o", "-", "-f", "svg", "--json", "-", program],
            "both",
        ),
    ] {
        let finished = workbench.pitstop(arguments);
        let text = finished.stderr_text();
        if finished.code() != 2 || !text.contains(why) || !finished.stdout.is_empty() {
            wrong.push(format!("{arguments:?}: {finished}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_said_on_standard_error_changes_no_exit_status() {
    let workbench = recorded();
    let program = fixture("sys_exit_3.py");
    let program = program.to_str().expect("a plain path");
    let cases: [(&[&str], i32); 8] = [
        (&["run", "-o", "out.svg", "--json", "out.json", program], 3),
        (&["record", "-o", "out.pit", "--", "python3", program], 3),
        (&["record", "--", "/bin/sh", "-c", "exit 9"], 9),
        (&["trace", "-o", "out.prof", program], 3),
        (&["run", "missing.py"], 127),
        (&["dump", "-p", "2147483646"], 3),
        (&["lines", "no_such_function"], 2),
        (&["export", "last", "out.collapsed"], 0),
    ];
    let mut wrong = Vec::new();
    for (arguments, code) in cases {
        for redirection in ["2>/dev/full", "2>&-"] {
            let finished = in_shell(&workbench.command(arguments), redirection);
            if finished.code() != code {
                wrong.push(format!("{arguments:?} {redirection}: {finished}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_closed_standard_output_ends_the_program_as_it_would_without_us() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        let script = fixture("sys_exit_3.py");
        for redirection in [">&-", ">/dev/full"] {
            let arguments = [OsStr::new("run"), script.as_os_str()];
            let ours = in_shell(&workbench.command(&arguments), redirection);
            let bare = in_shell(&workbench.bare(python, &[&script]), redirection);
            assert_eq!(ours.code(), bare.code(), "{redirection}\n{ours}");
            assert!(
                ours.stderr_text().contains("quality"),
                "{redirection}\n{ours}"
            );
        }
    });
}

#[test]
fn answers_to_a_reader_that_went_away_end_quietly() {
    let workbench = recorded();
    for command in ["lines", "tree", "doctor", "export last - -f json"] {
        // A pipe whose reader is gone, as `| head` leaves it.
        let arguments: Vec<&OsStr> = command.split(' ').map(OsStr::new).collect();
        let finished = in_shell(&workbench.command(&arguments), "| :");
        assert_eq!(finished.stderr_text(), "", "{command}\n{finished}");
    }
}

#[test]
fn answers_that_cannot_be_written_are_a_failure() {
    let workbench = recorded();
    for command in [
        "lines",
        "tree",
        "doctor",
        "lines --json",
        "export last - -f collapsed",
    ] {
        let arguments: Vec<&OsStr> = command.split(' ').map(OsStr::new).collect();
        let finished = in_shell(&workbench.command(&arguments), ">/dev/full");
        assert_eq!(finished.code(), 125, "{command}\n{finished}");
        assert!(
            finished.stderr_text().contains("No space left"),
            "{command}\n{finished}"
        );
    }
}

#[test]
fn without_a_home_the_program_runs_and_the_verdict_says_so() {
    let workbench = Workbench::with_python(pythons().last().expect("there is an interpreter"));
    for (cache, home) in [
        (None, None),
        (Some("/proc/nowhere"), None),
        (Some("/dev/null"), None),
    ] {
        let mut command = workbench.command(&["run"]);
        command
            .arg(fixture("short.py"))
            .env_remove("HOME")
            .env_remove("XDG_CACHE_HOME");
        for (name, value) in [("XDG_CACHE_HOME", cache), ("HOME", home)] {
            if let Some(value) = value {
                command.env(name, Path::new(value));
            }
        }
        let finished = Finished::of(&mut command, b"").expect_code(0);
        let said = finished.stderr_text();
        assert!(said.contains("quality"), "{finished}");
        assert!(said.contains("could not be kept"), "{finished}");
    }
}

#[test]
fn every_command_helps() {
    let workbench = Workbench::new();
    for command in ["run", "record", "dump", "lines", "tree", "export", "doctor"] {
        let finished = workbench.pitstop(&[command, "--help"]).expect_code(0);
        let text = finished.stdout_text();
        assert!(text.contains("Usage: pitstop"), "{command}\n{finished}");
        assert!(
            text.lines().all(|line| columns_of(line) <= 100),
            "{command}\n{text}"
        );
    }
    let version = workbench
        .pitstop(&["--version"])
        .expect_code(0)
        .stdout_text();
    assert!(version.starts_with("pitstop "), "{version}");
}
