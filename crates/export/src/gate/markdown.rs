//! Markdown for a comment in a pull request or a summary of a job.
//!
//! The first line is a comment that no reader sees: scripts find the comment of an earlier run by
//! it and replace that instead of adding another.

use pitstop_analysis::gate::{Check, Gate, Outcome, State, words};
use std::fmt::Write as _;

/// What a comment of ours begins with.
const MARKER: &str = "<!-- pitstop-gate -->";

/// Writes it.
pub fn write(gate: &Gate) -> String {
    let mut out = format!("{MARKER}\n### Performance: {}\n\n", words::summary(gate));
    if let Some((name, commit)) = &gate.base {
        let short: String = commit.chars().take(10).collect();
        let _ = writeln!(out, "Against the {} (`{short}`).\n", escaped(name));
    }
    out.push_str("| | check | base | now | change | limit |\n|---|---|--:|--:|--:|--:|\n");
    for check in &gate.checks {
        let number = |value: Option<f64>| {
            value.map_or(String::new(), |value| words::number(value, check.kind))
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            sign(check),
            escaped(&check.name()),
            number(check.base),
            number(check.head),
            check.ratio().map_or(String::new(), words::change),
            escaped(&words::limit(&check.limit, check.kind)),
        );
    }
    for check in &gate.checks {
        if check.outcome() == Outcome::Passed && check.state != State::New && check.waiver.is_none()
        {
            continue;
        }
        let _ = writeln!(out, "\n**{}**\n", escaped(&words::sentence(check)));
        for sentence in words::details(check) {
            let _ = writeln!(out, "- {}", escaped(&sentence));
        }
    }
    for note in &gate.notes {
        let _ = writeln!(out, "\n{}", escaped(note));
    }
    out
}

fn sign(check: &Check) -> &'static str {
    match (check.outcome(), check.state) {
        (Outcome::Passed, State::New) => "🆕 new",
        (Outcome::Passed, _) => "✅ kept",
        (Outcome::Waived, _) => "⚠️ waived",
        (Outcome::Open, _) => "❔ open",
        (Outcome::Failed, _) => "❌ broken",
        (Outcome::Missing, _) => "❌ not measured",
    }
}

/// Text that stays text, and on its line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn tables_stay_tables_and_comments_can_be_found_again() {
        let text = super::write(&crate::gate::cases::gate());
        assert!(text.starts_with("<!-- pitstop-gate -->\n### Performance: 5 checks: 1 failed"));
        let rows = text.lines().filter(|line| line.starts_with('|'));
        for row in rows {
            let bars = row.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 7, "{row}");
        }
        assert!(
            text.contains("large, \\|all\\|: &lt;x&gt;: bytecodes"),
            "{text}"
        );
        assert!(text.contains("parse (src/shop.py:7)"), "{text}");
        assert!(
            text.contains("waived until 2030-01-02 by ann: known"),
            "{text}"
        );
    }
}
