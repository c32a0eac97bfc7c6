//! A gate in the formats of others: one file a format.

mod github;
mod junit;
mod markdown;
mod sarif;

pub use github::write as github;
pub use junit::write as junit;
pub use markdown::write as markdown;
pub(crate) use sarif::uri;
pub use sarif::write as sarif;

use pitstop_analysis::gate::Check;

/// Where to point at: the function that does more than it did, if it is in the project, else the
/// limit's own line in the configuration.
fn place<'a>(check: &'a Check, file: &'a str) -> (&'a str, u32) {
    let inside = check.culprits.iter().find(|culprit| {
        let file = &culprit.file;
        !file.starts_with(['/', '<']) && culprit.line > 0
    });
    inside.map_or((file, check.line), |culprit| (&culprit.file, culprit.line))
}

#[cfg(test)]
mod cases {
    use pitstop_analysis::gate::{Check, Culprit, Date, Gate, Kind, Limit, State, Waiver};

    /// A gate with one check of each outcome, and characters that every format must escape.
    pub(super) fn gate() -> Gate {
        let check = |state, budget: &str| Check {
            budget: budget.into(),
            work: "shop:parse".into(),
            kind: Kind::Bytecodes,
            limit: Limit::Growth(0.02),
            line: 12,
            base: Some(1000.0),
            head: Some(1500.0),
            interval: None,
            state,
            notes: vec!["a | b <c> & \"d\" 100%\nnext".into()],
            culprits: Vec::new(),
            waiver: None,
        };
        let mut broken = check(State::Broken, "large, |all|: <x>");
        broken.culprits.push(Culprit {
            name: "parse".into(),
            file: "src/shop.py".into(),
            line: 7,
            base: 1,
            head: 501,
        });
        let mut waived = check(State::Broken, "waived");
        waived.waiver = Some(Waiver {
            reason: "known".into(),
            owner: "ann".into(),
            expires: Date::new(2030, 1, 2).expect("a day"),
            limit: None,
            is_expired: false,
            is_passed: false,
        });
        Gate {
            file: "pyproject.toml".into(),
            base: Some(("merge base with main".into(), "0123456789abcdef".into())),
            checks: vec![
                broken,
                check(State::Kept, "kept"),
                waived,
                check(State::Inconclusive, "open"),
                check(State::NotMeasured, "missing"),
            ],
            notes: vec!["dependencies differ".into()],
            duration_ns: 2_500_000_000,
            ..Gate::default()
        }
    }
}
