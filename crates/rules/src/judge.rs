//! From evidence to a judgement, as most rules do it.

use crate::rule::Meta;
use pitstop_model::{EvidenceKind, Interval, Judgement};

/// Type and size of what a place worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    /// The name of the type: `list`.
    pub type_name: String,
    /// The median of its length.
    pub median: u64,
    /// The greatest length.
    pub most: u64,
}

/// How much of a result was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Items that were used.
    pub used: u64,
    /// Items that were there.
    pub all: u64,
}

/// What a run told about a place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The time of the whole run, in nanoseconds.
    pub run_ns: u64,
    /// The share of that time that the place took, from 0 to 1, with what was called from it.
    pub share: Option<Interval>,
    /// How often it ran.
    pub count: Option<u64>,
    /// Whether it ran at least so often, and perhaps more often.
    pub is_at_least: bool,
    /// What it worked on.
    pub size: Option<Size>,
    /// How much was needed.
    pub needed: Option<Needed>,
    /// The share of calls whose arguments had been seen before.
    pub repeated: Option<f64>,
    /// Statements, requests or files that it caused.
    pub operations: Option<u64>,
    /// The share of its time that it waited.
    pub waiting: Option<f64>,
    /// Bytes that it allocated.
    pub allocated_bytes: Option<u64>,
    /// Instances alive at the peak.
    pub instances: Option<u64>,
    /// Time of imports, in nanoseconds.
    pub import_ns: Option<u64>,
    /// The share of rounds that raised.
    pub raised: Option<f64>,
    /// The share of its time in native code.
    pub native: Option<f64>,
}

impl Evidence {
    /// Whether that kind was seen.
    pub fn has(&self, kind: EvidenceKind) -> bool {
        match kind {
            EvidenceKind::Share => self.share.is_some(),
            EvidenceKind::Count => self.count.is_some(),
            EvidenceKind::TypeAndSize => self.size.is_some(),
            EvidenceKind::Repetition => self.repeated.is_some(),
            EvidenceKind::Operations => self.operations.is_some(),
            EvidenceKind::Waiting => self.waiting.is_some(),
            EvidenceKind::Allocation => self.allocated_bytes.is_some(),
            EvidenceKind::Instances => self.instances.is_some(),
            EvidenceKind::Imports => self.import_ns.is_some(),
            EvidenceKind::Raises => self.raised.is_some(),
            EvidenceKind::Native => self.native.is_some(),
            EvidenceKind::Needed => self.needed.is_some(),
        }
    }
}

/// A change has to make its place faster by this much: less is lost between two runs of anything
/// (advice.md counts ±8 % between builds as no difference).
const LEAST_FACTOR: f64 = 1.08;

/// The size that was seen, for rules that go by the length of a container.
pub(crate) fn size(evidence: &Evidence) -> Result<u64, String> {
    Ok(evidence.size.as_ref().map_or(1, |size| size.median.max(1)))
}

/// The common judgement: all that is needed was seen, and the pair is faster at that size.
pub(crate) fn judge(
    meta: &Meta,
    size: Result<u64, String>,
    evidence: &Evidence,
    factor: Option<Interval>,
) -> Judgement {
    let needs = meta.needs.iter().copied();
    let missing: Vec<_> = needs.filter(|kind| !evidence.has(*kind)).collect();
    if evidence.count == Some(0) {
        return Judgement::NotMeasured;
    }
    if !missing.is_empty() {
        return Judgement::Plausible { missing };
    }
    let size = match size {
        Ok(size) => size,
        Err(why) => return Judgement::Refuted { why },
    };
    let (Some(factor), Some(share)) = (factor, evidence.share) else {
        return Judgement::NotMeasured;
    };
    if factor.low < LEAST_FACTOR {
        let unit = meta.pair.unit;
        return Judgement::Refuted {
            why: format!(
                "with {size} {unit} the change makes it {:.2} times as fast on this interpreter",
                factor.middle
            ),
        };
    }
    let run = evidence.run_ns as f64;
    let saving = |share: f64, factor: f64| run * share * (1.0 - 1.0 / factor);
    Judgement::Confirmed {
        factor,
        saving_ns: Interval {
            low: saving(share.low, factor.low),
            middle: saving(share.middle, factor.middle),
            high: saving(share.high, factor.high),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    fn interval(low: f64, middle: f64, high: f64) -> Interval {
        Interval { low, middle, high }
    }

    #[test]
    fn a_judgement_follows_from_what_was_seen() {
        let rule = find("list-membership").expect("the rule is there");
        let mut evidence = Evidence {
            run_ns: 1_000_000_000,
            share: Some(interval(0.4, 0.5, 0.6)),
            ..Evidence::default()
        };
        let fast = Some(interval(90.0, 100.0, 110.0));
        let missing = rule.judge(&evidence, fast);
        assert!(matches!(missing, Judgement::Plausible { ref missing } if !missing.is_empty()));
        evidence.count = Some(5000);
        let sized = |type_name: &str| {
            Some(Size {
                type_name: type_name.into(),
                median: 1000,
                most: 2000,
            })
        };
        evidence.size = sized("list");
        let Judgement::Confirmed { saving_ns, .. } = rule.judge(&evidence, fast) else {
            panic!("it is confirmed");
        };
        assert!((saving_ns.middle - 495e6).abs() < 1.0 && saving_ns.low < saving_ns.middle);
        let slow = rule.judge(&evidence, Some(interval(0.9, 1.0, 1.1)));
        assert!(matches!(slow, Judgement::Refuted { .. }));
        evidence.size = sized("set");
        assert!(matches!(
            rule.judge(&evidence, fast),
            Judgement::Refuted { .. }
        ));
        evidence.count = Some(0);
        assert_eq!(rule.judge(&evidence, fast), Judgement::NotMeasured);
    }
}
