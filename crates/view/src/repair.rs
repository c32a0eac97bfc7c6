//! The picture of repairs: each finding with its change, the proof, and what became of it.

use crate::paint::{Page, Style, Tint, number};
use crate::proof;
use pitstop_analysis::proof::Verdict;
use pitstop_analysis::repair::{Outcome, Repair};
use pitstop_model::Remedy;

/// The column that facts begin in.
const FACTS: usize = 12;

/// Renders one repair.
pub fn render(repair: &Repair, style: &Style) -> String {
    let mut page = Page::new(*style);
    let finding = &repair.finding;
    let place = format!("{}:{}", finding.place.file, finding.place.start.0);
    let line = page.line().gap(1).tinted(Tint::Id, &finding.rule).to(FACTS);
    let line = line.tinted(Tint::Strong, &place);
    page.push(if finding.function.is_empty() {
        line
    } else {
        line.gap(2).put(&finding.function)
    });
    fact(&mut page, "found", &finding.message);
    match &finding.remedy {
        Remedy::Edit {
            title, conditions, ..
        } => {
            fact(&mut page, "change", title);
            for condition in conditions {
                fact(&mut page, "if", condition);
            }
        }
        Remedy::ByHand { advice, .. } => fact(&mut page, "by hand", advice),
    }
    diff(&mut page, &repair.diff);
    let mut out = page.finish();
    if let Some(known) = &repair.proof {
        out.push('\n');
        out.push_str(&proof::render(known, style));
    }
    let mut page = Page::new(*style);
    ending(&mut page, repair);
    out.push_str(&page.finish());
    out
}

fn diff(page: &mut Page, diff: &str) {
    if diff.is_empty() {
        return;
    }
    page.blank();
    for text in diff
        .lines()
        .skip_while(|line| line.starts_with("---") || line.starts_with("+++"))
    {
        let tint = match text.as_bytes().first() {
            Some(b'+') => Tint::Better,
            Some(b'-') => Tint::Worse,
            Some(b'@') => Tint::Quiet,
            _ => Tint::None,
        };
        let line = page.line().gap(2).tinted(tint, text);
        page.push(line);
    }
}

fn ending(page: &mut Page, repair: &Repair) {
    let (tint, word, text) = match repair.outcome {
        Outcome::Kept => (
            Tint::Better,
            "kept",
            format!("{} has it now", repair.finding.place.file),
        ),
        Outcome::Proved => (
            Tint::Better,
            "proved",
            "the file is as it was; --apply writes the change".to_owned(),
        ),
        Outcome::Dropped => {
            let why = repair.refusal.clone().unwrap_or_else(|| {
                let verdict = repair
                    .proof
                    .as_ref()
                    .map(pitstop_analysis::proof::Proof::verdict);
                match verdict {
                    Some(Verdict::Rejected) => "it does something else",
                    Some(Verdict::NotFaster) => "it does not pay here",
                    Some(Verdict::Inconclusive) => "it may not pay: that stays open",
                    Some(Verdict::Equal) => "nothing was measured",
                    _ => "it cannot be proved with this workload",
                }
                .to_owned()
            });
            (
                Tint::Worse,
                "dropped",
                format!("{why}; the file is as it was"),
            )
        }
        Outcome::NotTried => (
            Tint::Id,
            "not tried",
            repair.refusal.clone().unwrap_or_default(),
        ),
    };
    let line = page.line().gap(1).tinted(tint, word).to(FACTS);
    page.wrapped(line, Tint::Strong, &text);
}

/// The last line: how many there were of each kind.
pub fn summary(repairs: &[Repair], ignored: usize, style: &Style) -> String {
    let mut page = Page::new(*style);
    let count = |outcome: Outcome| {
        repairs
            .iter()
            .filter(|known| known.outcome == outcome)
            .count()
    };
    let mut parts = vec![number::counted(repairs.len() as u64, "finding")];
    for (outcome, word) in [
        (Outcome::Kept, "kept"),
        (Outcome::Proved, "proved"),
        (Outcome::Dropped, "dropped"),
        (Outcome::NotTried, "not tried"),
    ] {
        if count(outcome) > 0 {
            parts.push(format!("{} {word}", count(outcome)));
        }
    }
    if ignored > 0 {
        parts.push(format!("{ignored} ignored by comments"));
    }
    let dot = if style.unicode { " · " } else { ", " };
    let line = page.line().gap(1);
    page.wrapped(line, Tint::Strong, &parts.join(dot));
    page.finish()
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pitstop_model::{Finding, FixClass, Judgement, Place};

    pub(crate) fn repair(outcome: Outcome) -> Repair {
        Repair {
            finding: Finding {
                rule: "PS101".into(),
                slug: "list-membership".into(),
                message: "each test looks through a list".into(),
                growth: "O(n²)".into(),
                place: Place {
                    file: "app.py".into(),
                    start: (3, 12),
                    ..Place::default()
                },
                function: "common".into(),
                notes: Vec::new(),
                judgement: Judgement::NotMeasured,
                measured_ns: None,
                evidence: Vec::new(),
                remedy: Remedy::Edit {
                    title: "make `known` a set".into(),
                    class: FixClass::TypeConditional,
                    conditions: vec!["its items are hashable".into()],
                    edits: Vec::new(),
                },
            },
            diff: "--- app.py\n+++ app.py\n@@ -1,2 +1,2 @@\n-    known = list(right)\n+    known = set(right)\n".into(),
            proof: (outcome != Outcome::NotTried).then(proof::tests::accepted),
            refusal: (outcome == Outcome::NotTried).then(|| "there is no workload".into()),
            outcome,
        }
    }

    #[test]
    fn a_repair_shows_finding_change_proof_and_end() {
        let text = render(&repair(Outcome::Proved), &Style::plain(100));
        for words in [
            " PS101      app.py:3  common",
            " if         its items are hashable",
            "  -    known = list(right)",
            " accepted   equal",
            " proved     the file is as it was; --apply writes the change",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("+++"), "{text}");
    }

    #[test]
    fn every_outcome_fits_every_width() {
        let all = [
            Outcome::Kept,
            Outcome::Proved,
            Outcome::Dropped,
            Outcome::NotTried,
        ]
        .map(repair);
        for width in [30, 60, 100] {
            for known in &all {
                let text = render(known, &Style::ascii(width));
                assert!(
                    text.is_ascii() && text.lines().all(|line| line.len() <= width),
                    "{text}"
                );
            }
            let text = summary(&all, 1, &Style::ascii(width));
            assert!(text.lines().all(|line| line.len() <= width), "{text}");
        }
        let text = summary(&all, 1, &Style::plain(100));
        assert!(
            text.contains("4 findings · 1 kept · 1 proved · 1 dropped · 1 not tried"),
            "{text}"
        );
    }
}
