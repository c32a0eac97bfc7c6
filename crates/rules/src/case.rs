//! A candidate on its way to a judgement: what must be seen of it, and what seeing it means.

use crate::check::candidates;
use crate::check::finding;
use crate::judge::Evidence;
use crate::registry::Selection;
use crate::rule::Rule;
use crate::suppress::Suppressions;
use crate::words;
use pitstop_model::{EvidenceKind, Finding, Interval, Judgement};
use pitstop_source::{Module, SourceFile, Span};
use std::cmp::Ordering;

/// An expression or statement to look at while it runs. Lines count from 1, bytes within a line
/// from 0, as CPython's own tree has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Line and byte of its first character.
    pub start: (u32, u32),
    /// Line and byte behind its last character.
    pub end: (u32, u32),
    /// What is to be known of it.
    pub kinds: Vec<EvidenceKind>,
}

/// A place where a rule may apply, in a program that can be looked at.
#[derive(Clone, Debug)]
pub struct Case {
    /// The rule.
    pub rule: &'static dyn Rule,
    /// What is to be said of it so far.
    pub finding: Finding,
    /// The lines whose time it is about.
    pub lines: (u32, u32),
    /// What to look at.
    pub watched: Vec<Watched>,
}

/// All candidates of a file that no comment ignores. `path` is how findings name it.
pub fn cases(file: &SourceFile, path: &str, selection: &Selection) -> Vec<Case> {
    let module = Module::new(file);
    let mut suppressions = Suppressions::of(file);
    let mut cases = Vec::new();
    for (rule, candidate) in candidates(&module, selection) {
        let finding = finding(&module, path, rule, &candidate);
        if suppressions.reason(rule, &finding.place).is_some() {
            continue;
        }
        let mut watched: Vec<Watched> = Vec::new();
        for probe in rule.probes(&module, &candidate) {
            let (start, end) = columns(file, probe.span);
            match watched
                .iter_mut()
                .find(|it| (it.start, it.end) == (start, end))
            {
                Some(known) => known.kinds.push(probe.kind),
                None => watched.push(Watched {
                    start,
                    end,
                    kinds: vec![probe.kind],
                }),
            }
        }
        let region = rule.region(&module, &candidate);
        let lines = file.lines();
        let last = region.end.saturating_sub(1).max(region.start);
        cases.push(Case {
            rule,
            finding,
            lines: (lines.line(region.start), lines.line(last)),
            watched,
        });
    }
    cases
}

fn columns(file: &SourceFile, span: Span) -> ((u32, u32), (u32, u32)) {
    let lines = file.lines();
    let column = |offset: usize| {
        let line = lines.line(offset);
        (line, (offset - lines.span(line).start) as u32)
    };
    (column(span.start), column(span.end))
}

impl Case {
    /// Says what evidence means. `factor` is that of the rule's pair at the size that
    /// [`Rule::size`] names, if it was measured.
    pub fn judge(mut self, evidence: &Evidence, factor: Option<Interval>) -> Finding {
        self.finding.judgement = self.rule.judge(evidence, factor);
        self.finding.evidence = words::seen(evidence);
        let run = evidence.run_ns as f64;
        self.finding.measured_ns = evidence.share.map(|share| Interval {
            low: share.low * run,
            middle: share.middle * run,
            high: share.high * run,
        });
        self.finding
    }
}

/// The order in which findings are worth reading: what is sure to save most first, then what may
/// pay by the time of its place, what does not pay last.
pub fn rank(findings: &mut [Finding]) {
    let class = |finding: &Finding| match &finding.judgement {
        Judgement::Confirmed { .. } => 0,
        Judgement::Plausible { .. } => 1,
        Judgement::NotMeasured => 2,
        Judgement::Refuted { .. } => 3,
    };
    let weight = |finding: &Finding| match &finding.judgement {
        Judgement::Confirmed { saving_ns, .. } => saving_ns.low,
        _ => finding.measured_ns.map_or(-1.0, |measured| measured.middle),
    };
    findings.sort_by(|a, b| {
        class(a)
            .cmp(&class(b))
            .then_with(|| weight(b).total_cmp(&weight(a)))
            .then_with(|| by_place(a, b))
    });
}

fn by_place(a: &Finding, b: &Finding) -> Ordering {
    let key = |finding: &Finding| {
        (
            finding.place.file.clone(),
            finding.place.start,
            finding.rule.clone(),
        )
    };
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_source::Target;

    const TEXT: &str = "\
def unique(rows):
    seen = []
    for gr\u{f6}\u{df}e in rows:
        if gr\u{f6}\u{df}e not in seen:
            seen.append(gr\u{f6}\u{df}e)
";

    fn one() -> Case {
        let file = SourceFile::from_text(TEXT.into(), Target::NEWEST);
        let selection = Selection::new(&["PS101".into()], &[]).expect("it is there");
        let mut cases = cases(&file, "app.py", &selection);
        assert_eq!(cases.len(), 1);
        cases.remove(0)
    }

    #[test]
    fn columns_are_bytes() {
        let case = one();
        let [watched] = &case.watched[..] else {
            panic!("it is one place");
        };
        // Two of the letters are two bytes long.
        assert_eq!((watched.start, watched.end), ((4, 11), (4, 11 + 7 + 12)));
        assert!(watched.kinds.contains(&EvidenceKind::TypeAndSize));
        assert_eq!(case.lines, (4, 4));
    }

    #[test]
    fn what_saves_most_comes_first() {
        let saving = |ns: f64| Judgement::Confirmed {
            factor: Interval {
                low: 2.0,
                middle: 2.0,
                high: 2.0,
            },
            saving_ns: Interval {
                low: ns,
                middle: ns,
                high: ns,
            },
        };
        let judgements = [
            Judgement::Refuted {
                why: "small".into(),
            },
            saving(1e6),
            Judgement::Plausible {
                missing: Vec::new(),
            },
            saving(5e6),
        ];
        let mut findings: Vec<Finding> = judgements
            .into_iter()
            .map(|judgement| Finding {
                judgement,
                ..one().finding
            })
            .collect();
        rank(&mut findings);
        let keys: Vec<_> = findings.iter().map(|it| it.judgement.key()).collect();
        assert_eq!(keys, ["confirmed", "confirmed", "plausible", "refuted"]);
        assert_eq!(findings[0].judgement, saving(5e6));
    }
}
