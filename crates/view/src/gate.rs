//! The picture of a gate: the worst first in words, a table of all checks, and what is to be known
//! of those that did not simply pass.

use crate::paint::Column;
use crate::paint::{Page, Style, Table, Tint};
use pitstop_analysis::gate::{Check, Gate, Outcome, State, words};

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders it.
pub fn gate(gate: &Gate, style: &Style) -> String {
    let mut page = Page::new(*style);
    let (tint, word) = match gate.outcome() {
        Outcome::Missing if gate.stopped => (Tint::Id, "stopped"),
        Outcome::Failed => (Tint::Worse, "failed"),
        Outcome::Missing => (Tint::Worse, "not measured"),
        Outcome::Open => (Tint::Id, "inconclusive"),
        Outcome::Passed | Outcome::Waived => (Tint::Better, "passed"),
    };
    let line = page.line().gap(1).tinted(tint, word).gap(2);
    page.wrapped(line, Tint::Strong, &words::summary(gate));
    match &gate.base {
        Some((name, commit)) => {
            let short: String = commit.chars().take(10).collect();
            fact(&mut page, "against", &format!("{name}, {short}"));
        }
        None => fact(&mut page, "against", "nothing: limits that need no base"),
    }
    fact(&mut page, "budgets", &gate.file);
    page.blank();
    table(&mut page, gate);
    for check in &gate.checks {
        let has_more = check.waiver.is_some() || check.outcome() != Outcome::Passed;
        let is_told = has_more || (check.state == State::New) || !check.culprits.is_empty();
        if is_told {
            more(&mut page, check);
        }
    }
    page.blank();
    for (at, note) in gate.notes.iter().enumerate() {
        fact(&mut page, if at == 0 { "note" } else { "" }, note);
    }
    let seconds = gate.duration_ns as f64 / 1e9;
    fact(&mut page, "took", &format!("{seconds:.1} s"));
    page.finish()
}

fn tint(outcome: Outcome) -> Tint {
    match outcome {
        Outcome::Passed => Tint::Better,
        Outcome::Waived | Outcome::Open => Tint::Id,
        Outcome::Failed | Outcome::Missing => Tint::Worse,
    }
}

/// How a check came out, in one word.
fn word(check: &Check) -> &'static str {
    match (check.outcome(), check.state) {
        (Outcome::Passed, State::New) => "new",
        (Outcome::Passed, _) => "kept",
        (Outcome::Waived, _) => "waived",
        (Outcome::Failed, _) => "broken",
        (Outcome::Open, _) => "open",
        (Outcome::Missing, _) => "no answer",
    }
}

fn table(page: &mut Page, gate: &Gate) {
    if gate.checks.is_empty() {
        return;
    }
    let mut table = Table::new([
        Column::word(),
        Column::word(),
        Column::number(),
        Column::number(),
        Column::number().on_pages_from(96),
        Column::number(),
        Column::code(10),
    ]);
    table.titles(["", "check", "change", "limit", "base", "now", "budget"]);
    for check in &gate.checks {
        let number = |value: Option<f64>| {
            value.map_or(String::new(), |value| words::number(value, check.kind))
        };
        let outcome = check.outcome();
        let limit = words::limit(&check.limit, check.kind);
        let limit = if limit.chars().count() > 12 {
            "listed".to_owned()
        } else {
            limit
        };
        table.row([
            (tint(outcome), word(check).to_owned()),
            (Tint::None, check.kind.key()),
            (
                Tint::None,
                check.ratio().map_or(String::new(), words::change),
            ),
            (Tint::None, limit),
            (Tint::Quiet, number(check.base)),
            (Tint::None, number(check.head)),
            (Tint::None, check.budget.clone()),
        ]);
    }
    table.write(page, 1);
}

fn more(page: &mut Page, check: &Check) {
    page.blank();
    let line = page.line().gap(1);
    page.wrapped(line, tint(check.outcome()), &words::sentence(check));
    for sentence in words::details(check) {
        let line = page.line().gap(FACTS);
        page.wrapped(line, Tint::None, &sentence);
    }
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::gate::{Culprit, Kind, Limit};

    fn check(state: State) -> Check {
        Check {
            budget: "parse a large document".into(),
            work: "shop.parse:large".into(),
            kind: Kind::Bytecodes,
            limit: Limit::Growth(0.02),
            line: 12,
            base: Some(63_700.0),
            head: Some(88_000.0),
            interval: None,
            state,
            notes: vec!["a note that explains what else is to be known of this one".into()],
            culprits: vec![Culprit {
                name: "Parser.row".into(),
                file: "shop/parse.py".into(),
                line: 40,
                base: 100,
                head: 24_400,
            }],
            waiver: None,
        }
    }

    #[test]
    fn every_line_fits_and_what_broke_is_told_with_its_place() {
        let all = Gate {
            file: "pyproject.toml".into(),
            base: Some((
                "merge base with origin/main".into(),
                "0123456789abcdef".into(),
            )),
            checks: [State::Broken, State::Kept, State::Inconclusive, State::New]
                .map(check)
                .to_vec(),
            ..Gate::default()
        };
        for width in [40, 60, 80] {
            let text = gate(&all, &Style::plain(width));
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let text = gate(&all, &Style::plain(80));
        assert!(
            text.starts_with(" failed  4 checks: 1 failed, 1 inconclusive\n"),
            "{text}"
        );
        assert!(
            text.contains("+38 %") && text.contains("0123456789\n"),
            "{text}"
        );
        assert!(text.contains("Parser.row (shop/parse.py:40)"), "{text}");
    }

    #[test]
    fn nothing_to_compare_with_is_said() {
        let text = gate(&Gate::default(), &Style::plain(80));
        assert!(text.contains("nothing: limits that need no base"), "{text}");
    }
}
