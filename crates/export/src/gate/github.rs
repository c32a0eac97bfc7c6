//! Workflow commands of GitHub Actions: annotations beside the lines of a pull request.
//!
//! Format: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>. Of
//! each level ten a step are shown.

use super::place;
use pitstop_analysis::gate::{Gate, OnInconclusive, Outcome, words};
use std::fmt::Write as _;

/// Writes them, one a line.
pub fn write(gate: &Gate) -> String {
    let mut out = String::new();
    for check in &gate.checks {
        let level = match check.outcome() {
            Outcome::Failed | Outcome::Missing => "error",
            Outcome::Open if gate.on_inconclusive == OnInconclusive::Fail => "error",
            Outcome::Open | Outcome::Waived => "warning",
            Outcome::Passed => continue,
        };
        let (file, line) = place(check, &gate.file);
        let mut text = vec![words::sentence(check)];
        text.extend(words::details(check));
        let _ = writeln!(
            out,
            "::{level} file={},line={line},title={}::{}",
            property(file),
            property(&format!("pitstop gate: {}", check.name())),
            data(&text.join("\n")),
        );
    }
    for note in &gate.notes {
        let _ = writeln!(out, "::notice title=pitstop gate::{}", data(note));
    }
    let _ = writeln!(out, "pitstop gate: {}", words::summary(gate));
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_annotation_is_one_line_and_points_at_the_function() {
        let text = super::write(&crate::gate::cases::gate());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[0].starts_with(
            "::error file=src/shop.py,line=7,title=pitstop gate%3A large%2C |all|%3A <x>%3A \
             bytecodes::large, |all|: <x>: bytecodes +50 %25, 1,000 -> 1,500; the limit is +2 %25%0A"
        ), "{text}");
        assert!(
            lines[1].starts_with("::warning file=pyproject.toml,line=12,"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("::warning") && lines[3].starts_with("::error"),
            "{text}"
        );
    }
}
