//! What was seen, in words.

use crate::judge::Evidence;
use pitstop_model::{EvidenceKind, Seen};

/// One sentence for each kind of thing that was seen.
pub(crate) fn seen(evidence: &Evidence) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut say = |kind, text: String| all.push(Seen { kind, text });
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    if let Some(share) = evidence.share {
        let seconds = share.middle * evidence.run_ns as f64 / 1e9;
        say(
            EvidenceKind::Share,
            format!("{}, {} of the run", time(seconds), percent(share.middle)),
        );
    }
    if let Some(count) = evidence.count {
        let least = if evidence.is_at_least {
            "at least "
        } else {
            ""
        };
        say(
            EvidenceKind::Count,
            format!("ran {least}{} times", number(count)),
        );
    }
    if let Some(size) = &evidence.size {
        let text = match size.median {
            median if median == size.most => format!("{} of {}", size.type_name, number(median)),
            median => format!(
                "{} of {} in the middle, {} at most",
                size.type_name,
                number(median),
                number(size.most)
            ),
        };
        say(EvidenceKind::TypeAndSize, text);
    }
    if let Some(needed) = evidence.needed {
        let text = format!(
            "{} of {} items were used",
            number(needed.used),
            number(needed.all)
        );
        say(EvidenceKind::Needed, text);
    }
    if let Some(repeated) = evidence.repeated {
        let text = format!(
            "{} of the calls had arguments seen before",
            percent(repeated)
        );
        say(EvidenceKind::Repetition, text);
    }
    if let Some(operations) = evidence.operations {
        say(
            EvidenceKind::Operations,
            format!("{} operations", number(operations)),
        );
    }
    if let Some(waiting) = evidence.waiting.filter(|share| *share >= 0.01) {
        say(
            EvidenceKind::Waiting,
            format!("waits for {} of its time", percent(waiting)),
        );
    }
    if let Some(bytes) = evidence.allocated_bytes {
        say(
            EvidenceKind::Allocation,
            format!("{} bytes at once", number(bytes)),
        );
    }
    if let Some(instances) = evidence.instances {
        say(
            EvidenceKind::Instances,
            format!("{} instances at once", number(instances)),
        );
    }
    if let Some(ns) = evidence.import_ns {
        say(
            EvidenceKind::Imports,
            format!("{} to import", time(ns as f64 / 1e9)),
        );
    }
    if let Some(raised) = evidence.raised {
        say(
            EvidenceKind::Raises,
            format!("{} of the rounds raised", percent(raised)),
        );
    }
    if let Some(native) = evidence.native.filter(|share| *share >= 0.01) {
        say(
            EvidenceKind::Native,
            format!("{} of its time in native code", percent(native)),
        );
    }
    all
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 0.995 => format!("{s:.2} s"),
        s if s >= 995e-6 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.0} \u{b5}s", s * 1e6),
    }
}

/// With a comma between thousands.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Size;
    use pitstop_model::Interval;

    #[test]
    fn what_was_seen_is_said_and_nothing_else() {
        let evidence = Evidence {
            run_ns: 2_000_000_000,
            share: Some(Interval {
                low: 0.4,
                middle: 0.48,
                high: 0.5,
            }),
            count: Some(16_000),
            is_at_least: true,
            size: Some(Size {
                type_name: "list".into(),
                median: 5997,
                most: 11_994,
            }),
            ..Evidence::default()
        };
        let texts: Vec<String> = seen(&evidence).into_iter().map(|it| it.text).collect();
        assert_eq!(
            texts,
            [
                "960 ms, 48 % of the run",
                "ran at least 16,000 times",
                "list of 5,997 in the middle, 11,994 at most"
            ]
        );
        assert_eq!(seen(&Evidence::default()), []);
        assert_eq!(time(1.5), "1.50 s");
        assert_eq!(time(25e-6), "25 \u{b5}s");
        assert_eq!(number(1_234_567), "1,234,567");
    }
}
