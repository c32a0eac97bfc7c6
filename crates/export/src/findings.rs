//! Findings in the formats of others: one file a format.

mod github;
mod junit;
mod markdown;
mod sarif;

pub use github::write as github;
pub use junit::write as junit;
pub use markdown::write as markdown;
pub use sarif::write as sarif;

use pitstop_model::{Finding, Judgement, Remedy};

/// What is wrong, and what to do, in two lines.
fn sentences(finding: &Finding) -> String {
    let what = match &finding.remedy {
        Remedy::Edit { title, .. } => title,
        Remedy::ByHand { advice, .. } => advice,
    };
    let sure = match &finding.judgement {
        Judgement::Confirmed { saving_ns, .. } => {
            format!("confirmed: saves {:.3} s", saving_ns.middle / 1e9)
        }
        Judgement::Plausible { .. } => "plausible, not measured".to_owned(),
        Judgement::Refuted { why } => format!("does not pay here: {why}"),
        Judgement::NotMeasured => "not measured".to_owned(),
    };
    format!("{} ({sure})\n{what}", finding.message)
}

/// How loud to be.
fn is_confirmed(finding: &Finding) -> bool {
    matches!(finding.judgement, Judgement::Confirmed { .. })
}

#[cfg(test)]
mod cases {
    use pitstop_model::{
        EvidenceKind, Finding, Findings, Interval, Judgement, Place, Remedy, RuleName,
    };

    /// A plausible finding, a confirmed one, one that is ignored, and a problem; with characters
    /// that every format must escape.
    pub(super) fn all() -> Findings {
        let finding = |line, judgement| Finding {
            rule: "PS101".into(),
            slug: "list-membership".into(),
            message: "a | b <c> & \"d\" 100%".into(),
            growth: String::new(),
            place: Place {
                file: "src/ü, x:y.py".into(),
                bytes: (10, 20),
                start: (line, 5),
                end: (line, 15),
            },
            function: "f".into(),
            notes: Vec::new(),
            judgement,
            measured_ns: None,
            evidence: Vec::new(),
            remedy: Remedy::ByHand {
                advice: "use a set".into(),
                why: "the order may matter".into(),
            },
        };
        let plausible = || Judgement::Plausible {
            missing: vec![EvidenceKind::Share],
        };
        let interval = Interval {
            low: 1e9,
            middle: 2e9,
            high: 3e9,
        };
        let confirmed = Judgement::Confirmed {
            factor: interval,
            saving_ns: interval,
        };
        let place = Place {
            file: "broken.py".into(),
            start: (3, 1),
            ..Place::default()
        };
        Findings {
            findings: vec![finding(4, plausible()), finding(9, confirmed)],
            ignored: vec![(finding(12, plausible()), "five at most".into())],
            problems: vec![(place, "no Python".into())],
            rules: vec![RuleName {
                code: "PS101".into(),
                slug: "list-membership".into(),
                title: "membership test on a list".into(),
            }],
            files: 2,
            ..Findings::default()
        }
    }
}
