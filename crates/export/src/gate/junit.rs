//! JUnit's XML, which every CI shows: a suite a budget, a case a check.
//!
//! There is no one schema; this is what Jenkins, GitLab and GitHub's reporters read. A waived
//! check is skipped, and one that could not be measured is an error.

use crate::xml::escape;
use pitstop_analysis::gate::{Check, Gate, OnInconclusive, Outcome, words};
use std::fmt::Write as _;

/// Writes it.
pub fn write(gate: &Gate) -> String {
    let mut budgets: Vec<&str> = Vec::new();
    for check in &gate.checks {
        if !budgets.contains(&check.budget.as_str()) {
            budgets.push(&check.budget);
        }
    }
    let all: Vec<&Check> = gate.checks.iter().collect();
    let seconds = gate.duration_ns as f64 / 1e9;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"pitstop gate\" {} time=\"{seconds:.3}\">",
        counts(&all, gate.on_inconclusive)
    );
    for budget in budgets {
        let of_budget = gate.checks.iter().filter(|check| check.budget == budget);
        let checks: Vec<&Check> = of_budget.collect();
        let counts = counts(&checks, gate.on_inconclusive);
        let _ = writeln!(out, "  <testsuite name=\"{}\" {counts}>", escaped(budget));
        for check in checks {
            case(&mut out, check, gate.on_inconclusive);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// The element that a case holds, if it did not simply pass.
fn element(check: &Check, on_inconclusive: OnInconclusive) -> Option<&'static str> {
    match check.outcome() {
        Outcome::Passed => None,
        Outcome::Waived => Some("skipped"),
        Outcome::Failed => Some("failure"),
        Outcome::Missing => Some("error"),
        Outcome::Open => Some(match on_inconclusive {
            OnInconclusive::Warn => "skipped",
            OnInconclusive::Report => "error",
            OnInconclusive::Fail => "failure",
        }),
    }
}

fn counts(checks: &[&Check], on_inconclusive: OnInconclusive) -> String {
    let count = |wanted: &str| {
        let all = checks.iter();
        all.filter(|check| element(check, on_inconclusive) == Some(wanted))
            .count()
    };
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        checks.len(),
        count("failure"),
        count("error"),
        count("skipped")
    )
}

fn case(out: &mut String, check: &Check, on_inconclusive: OnInconclusive) {
    let limit = words::limit(&check.limit, check.kind);
    let name = escaped(&format!("{} within {limit}", check.kind.key()));
    let class = escaped(&check.budget);
    let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\"");
    let sentence = escaped(&words::sentence(check));
    let details = escaped(&words::details(check).join("\n"));
    let _ = match element(check, on_inconclusive) {
        None => writeln!(out, "><system-out>{sentence}</system-out></testcase>"),
        // A skipped case has a message and nothing inside.
        Some("skipped") => {
            let message = escaped(&format!(
                "{}; {}",
                words::sentence(check),
                words::details(check).join("; ")
            ));
            writeln!(out, "><skipped message=\"{message}\"/></testcase>")
        }
        Some(element) => writeln!(
            out,
            "><{element} message=\"{sentence}\" type=\"{}\">{details}</{element}></testcase>",
            check.state.key()
        ),
    };
}

/// Text as the value of an attribute, where a reader would turn bare line ends and tabs into spaces.
fn escaped(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn outcomes_are_what_a_ci_shows() {
        let text = super::write(&crate::gate::cases::gate());
        assert!(
            text.contains(
                "<testsuites name=\"pitstop gate\" tests=\"5\" failures=\"1\" errors=\"2\" \
             skipped=\"1\" time=\"2.500\">"
            ),
            "{text}"
        );
        assert!(
            text.contains("<testsuite name=\"large, |all|: &lt;x&gt;\""),
            "{text}"
        );
        assert!(
            text.contains("a | b &lt;c&gt; &amp; &quot;d&quot; 100%&#10;next"),
            "{text}"
        );
        assert_eq!(
            text.matches("<testcase").count(),
            text.matches("</testcase>").count()
        );
    }
}
