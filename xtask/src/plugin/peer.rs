//! pytest-benchmark's own tests, run with our plugin while that package is not installed.

use super::Environment;
use super::environment::PEER;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Which of its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The slow ones.
    Calibration,
    /// All others.
    Rest,
}

/// A test and how it ended: `passed`, `failed`, `skipped`, `uncollected`.
pub(super) type Outcome = (String, String);

const EXCEPTIONS: &str = include_str!("../../../python/tests/peer_exceptions.txt");
const OUTCOMES: &str = include_str!("outcomes.py");
const SLOW: &str = "tests/test_calibration.py";

/// What its own configuration asks for that matters here: warnings are errors, doctests run.
const CONFIGURATION: &str = "\
[pytest]
addopts = --strict-markers --doctest-modules --doctest-glob=*.rst --tb=short
filterwarnings = error
testpaths = tests
";

/// Runs a part of its tests in a copy of their directory.
pub(super) fn outcomes(
    environment: &Environment,
    archive: &Path,
    part: Part,
) -> Result<Vec<Outcome>> {
    let name = match part {
        Part::Calibration => "peer-calibration",
        Part::Rest => "peer",
    };
    let home = environment.directory(name);
    let _ = fs::remove_dir_all(&home);
    super::environment::copy_directory(&archive.join("tests"), &home.join("tests"))?;
    // Some tests draw pictures into the documentation.
    fs::create_dir_all(home.join("docs"))?;
    fs::write(home.join("pytest.ini"), CONFIGURATION)?;
    let helper = home.join("helper");
    fs::create_dir_all(&helper)?;
    fs::write(helper.join("pitstop_outcomes.py"), OUTCOMES)?;
    let written = home.join("outcomes.txt");

    let mut command = environment.pytest(&environment.python, false)?;
    let mut path = environment.path(&[
        &format!("3.{}", environment.python.minor),
        "ours",
        "helpers",
    ])?;
    for directory in [&helper, &home.join("tests")] {
        path.push(":");
        path.push(directory);
    }
    command
        .args(["-p", "pitstop_outcomes"])
        .current_dir(&home)
        .env("PYTHONPATH", path)
        .env("PITSTOP_OUTCOMES", &written)
        .env("COLUMNS", "80");
    match part {
        Part::Calibration => command.arg(SLOW),
        Part::Rest => command.args(["--ignore", SLOW, "--continue-on-collection-errors"]),
    };
    let done = command.output().context("pytest does not start")?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    fs::write(home.join("said.txt"), &said)?;
    let text =
        fs::read_to_string(&written).with_context(|| format!("pytest ran nothing:\n{said}"))?;
    let outcomes: Vec<Outcome> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(outcome, test)| (test.to_owned(), outcome.to_owned()))
        .collect();
    let mut outcomes = outcomes;
    if part == Part::Rest {
        outcomes.extend(notebooks(&home.join("tests"))?);
    }
    Ok(outcomes)
}

/// Tests in notebooks, which pytest passes over in silence where nothing collects them.
fn notebooks(tests: &Path) -> Result<Vec<Outcome>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tests)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".ipynb") {
            names.push((format!("tests/{name}"), "uncollected".to_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Holds outcomes against the list of exceptions.
pub(super) fn judge(outcomes: &[Outcome]) -> Result<()> {
    let exceptions = exceptions(EXCEPTIONS)?;
    let complaints = complaints(outcomes, &exceptions);
    let count = |wanted: &str| outcomes.iter().filter(|(_, how)| how == wanted).count();
    println!(
        "tests of pytest-benchmark {PEER}: {} passed, {} skipped, {} failed for {} known reasons",
        count("passed"),
        count("skipped"),
        count("failed"),
        exceptions.len()
    );
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{}", complaints.join("\n"))
}

/// The lines of the list: a test or a file, and the reason.
fn exceptions(text: &str) -> Result<Vec<(&str, &str)>> {
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parts = line.split_once(" | ");
            parts.with_context(|| format!("an exception without a reason: `{line}`"))
        })
        .collect()
}

/// What the list and the outcomes do not agree on.
fn complaints(outcomes: &[Outcome], exceptions: &[(&str, &str)]) -> Vec<String> {
    let covers = |listed: &str, test: &str| {
        test.strip_prefix(listed)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('['))
    };
    let mut complaints = Vec::new();
    for (test, how) in outcomes {
        let listed = exceptions.iter().any(|(listed, _)| covers(listed, test));
        match (how.as_str(), listed) {
            ("uncollected", false) => {
                complaints.push(format!("{test} is not run and is no exception"));
            }
            ("failed", false) => complaints.push(format!("{test} fails and is no exception")),
            ("passed", true) => complaints.push(format!("{test} passes and is an exception")),
            _ => {}
        }
    }
    for (listed, _) in exceptions {
        if !outcomes.iter().any(|(test, _)| covers(listed, test)) {
            complaints.push(format!(
                "{listed} is an exception, and no test is called so"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(outcomes: &[(&str, &str)], list: &str) -> Vec<String> {
        let outcomes: Vec<Outcome> = outcomes
            .iter()
            .map(|(test, how)| ((*test).to_owned(), (*how).to_owned()))
            .collect();
        complaints(&outcomes, &exceptions(list).unwrap())
    }

    #[test]
    fn only_listed_tests_may_fail_and_they_must() {
        let outcomes = [
            ("a.py::x", "passed"),
            ("a.py::y[1]", "failed"),
            ("b.py::z", "failed"),
        ];
        assert!(found(&outcomes, "a.py::y | why\nb.py | why").is_empty());
        assert_eq!(found(&outcomes, "a.py::y | why").len(), 1);
        assert_eq!(found(&outcomes, "a.py | why\nb.py | why").len(), 1);
    }

    #[test]
    fn what_nobody_collects_must_be_listed() {
        let outcomes = [("tests/x.ipynb", "uncollected")];
        assert_eq!(found(&outcomes, "").len(), 1);
        assert!(found(&outcomes, "tests/x.ipynb | why").is_empty());
    }

    #[test]
    fn a_listed_test_must_exist() {
        assert_eq!(found(&[("a.py::xy", "passed")], "a.py::x | why").len(), 1);
    }

    #[test]
    fn an_exception_needs_a_reason() {
        assert!(exceptions("a.py::x").is_err());
        assert!(exceptions("# words\n\n").unwrap().is_empty());
    }

    #[test]
    fn the_list_is_lawful() {
        assert!(!exceptions(EXCEPTIONS).unwrap().is_empty());
    }
}
