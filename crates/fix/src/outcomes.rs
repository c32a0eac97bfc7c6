//! The project's tests, before and after.

use crate::error::Error;
use crate::ground::Ground;
use crate::subject::{Version, Workload};
use pitstop_analysis::proof::TestRun;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Runs the tests with a version. pytest also says how each of them ended; of other runners the
/// exit status has to do.
pub(crate) fn run_tests(
    ground: &Ground<'_>,
    tests: &Workload,
    version: &Version,
    job: &Path,
    limit: Duration,
) -> Result<TestRun, Error> {
    let report = job.with_extension("xml");
    let mut variables = ground.with_job(version, job);
    let before = std::env::var("PYTEST_ADDOPTS").unwrap_or_default();
    let option = format!("{before} --junitxml={}", report.display());
    variables.push(("PYTEST_ADDOPTS".into(), option.trim().into()));
    let words = tests.with_runner(&ground.runner());
    let ran = ground.run(&words, &version.directory, &variables, (b"", false), limit)?;
    // No report: they were no tests of pytest.
    let text = std::fs::read_to_string(&report).unwrap_or_default();
    Ok(TestRun {
        status: ran.status,
        outcomes: outcomes(&text),
    })
}

/// Outcomes in a report of JUnit's form, as pytest writes it (its `_pytest/junitxml.py`).
fn outcomes(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for case in text.split("<testcase ").skip(1) {
        let tag = case.split('>').next().unwrap_or_default();
        let inside = if tag.ends_with('/') {
            ""
        } else {
            case.split("</testcase>").next().unwrap_or_default()
        };
        let outcome = ["failure", "error", "skipped"]
            .into_iter()
            .find(|word| inside.contains(&format!("<{word}")));
        let outcome = match outcome {
            Some("failure") => "failed",
            Some(other) => other,
            None => "passed",
        };
        let name = match (attribute(tag, "classname"), attribute(tag, "name")) {
            (Some(class), Some(name)) if !class.is_empty() => format!("{class}::{name}"),
            (_, Some(name)) => name.to_owned(),
            _ => continue,
        };
        all.insert(name, outcome.to_owned());
    }
    all
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let key = format!("{name}=\"");
    let at = tag.match_indices(&key).find(|(at, _)| {
        // `name` is also the end of `classname`.
        *at == 0 || tag[..*at].ends_with(char::is_whitespace)
    })?;
    tag[at.0 + key.len()..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_pytest_is_read() {
        let text = "<testsuites><testsuite><testcase classname=\"t.a\" name=\"one\" time=\"0.1\" />\
            <testcase classname=\"t.a\" name=\"two\"><failure message=\"x\">y</failure></testcase>\
            <testcase classname=\"\" name=\"three\"><skipped/></testcase></testsuite></testsuites>";
        let all = outcomes(text);
        let of = |name: &str| all.get(name).map(String::as_str);
        assert_eq!(
            (of("t.a::one"), of("t.a::two"), of("three")),
            (Some("passed"), Some("failed"), Some("skipped"))
        );
        assert!(outcomes("no report").is_empty());
    }
}
