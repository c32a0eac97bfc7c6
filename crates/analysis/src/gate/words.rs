//! Checks in words: the same in a terminal, a pull request and a file of results.

use super::{Check, Gate, Kind, Limit, OnInconclusive, Outcome, State, Unit};

/// A number of a kind: `1.204 ms`, `62.50 MiB`, `63,700`.
pub fn number(value: f64, kind: Kind) -> String {
    match kind.unit() {
        Unit::Time => scaled(value, 1000.0, &["ns", "µs", "ms", "s"]),
        Unit::Memory => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB"]),
        Unit::Count | Unit::Class => grouped(value.round().max(0.0) as u64),
    }
}

/// Four digits in the unit that fits.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut at = 0;
    while value >= step * 0.999_95 && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    let decimals = match value {
        whole if at == 0 && whole.fract() == 0.0 => 0,
        v if v < 9.9995 => 3,
        v if v < 99.995 => 2,
        v if v < 999.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", units[at])
}

/// A count with its thousands apart.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A ratio as the change that it is: `+1.9 %`.
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent.abs() {
        p if p < 0.005 => "0.0 %".to_owned(),
        p if p < 0.095 => format!("{percent:+.2} %"),
        p if p < 9.95 => format!("{percent:+.1} %"),
        _ => format!("{percent:+.0} %"),
    }
}

/// A limit: `+3 %`, `120 ms`, `O(n log n)`, `none of pandas`.
pub fn limit(limit: &Limit, kind: Kind) -> String {
    match limit {
        // Somebody who writes MB means it.
        Limit::Most(most)
            if kind.unit() == Unit::Memory && most % 1000.0 == 0.0 && most % 1024.0 != 0.0 =>
        {
            short(&scaled(*most, 1000.0, &["B", "kB", "MB", "GB"]))
        }
        Limit::Most(most) => short(&number(*most, kind)),
        Limit::Growth(share) => {
            let percent = format!("{:.2}", share * 100.0);
            let percent = percent.trim_end_matches('0').trim_end_matches('.');
            format!("+{percent} %")
        }
        Limit::Modules(names) => format!("none of {}", names.join(", ")),
        Limit::Class(growth) => growth.text().to_owned(),
    }
}

/// A number that somebody chose has no digits that they did not write.
fn short(text: &str) -> String {
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => text.to_owned(),
    }
}

/// What was found, in a few words: `+38 %, 63,700 -> 88,000`; empty if there are no numbers.
pub fn found(check: &Check) -> String {
    // Which modules they are stands in the notes.
    let Some(head) = check.head.filter(|_| check.kind != Kind::Forbidden) else {
        return String::new();
    };
    let head = number(head, check.kind);
    match (check.base, check.ratio()) {
        (Some(base), Some(ratio)) => {
            format!("{}, {} -> {head}", change(ratio), number(base, check.kind))
        }
        _ => head,
    }
}

/// The range: of the change, or of the number.
pub fn range(check: &Check) -> Option<String> {
    let interval = check.interval?;
    let end = |value| match check.limit {
        Limit::Growth(_) => change(value),
        _ => number(value, check.kind),
    };
    Some(format!("{} to {}", end(interval.low), end(interval.high)))
}

/// A check in a sentence: `parse large: bytecodes +38 %, 63,700 -> 88,000; the limit is +2 %`.
pub fn sentence(check: &Check) -> String {
    let limit = limit(&check.limit, check.kind);
    let mut text = check.name();
    let found = found(check);
    if !found.is_empty() {
        text = format!("{text} {found}");
    }
    if let Some(range) = range(check) {
        text = format!("{text} ({range})");
    }
    match check.state {
        State::New => format!("{text}; new, nothing to compare with"),
        State::NotMeasured => format!("{text}; it could not be measured"),
        State::Inconclusive => format!("{text}; inconclusive, the limit is {limit}"),
        State::Kept | State::Broken => format!("{text}; the limit is {limit}"),
    }
}

/// Everything else that is to be said of a check; sentences.
pub fn details(check: &Check) -> Vec<String> {
    let mut all = check.notes.clone();
    for culprit in &check.culprits {
        let more = format!("{} -> {}", grouped(culprit.base), grouped(culprit.head));
        all.push(format!(
            "{} ({}:{}) executes more instructions: {more}",
            culprit.name, culprit.file, culprit.line
        ));
    }
    all.extend(waiver(check));
    all
}

/// What there is to be said of its waiver.
fn waiver(check: &Check) -> Option<String> {
    let waiver = check.waiver.as_ref()?;
    let by = match waiver.owner.as_str() {
        "" => String::new(),
        owner => format!(" by {owner}"),
    };
    let reason = format!("{by}: {}", waiver.reason);
    Some(match check.outcome() {
        Outcome::Waived => format!("waived until {}{reason}", waiver.expires),
        Outcome::Passed => format!("the waiver is not needed any more{reason}"),
        _ if waiver.is_expired => format!("the waiver expired on {}{reason}", waiver.expires),
        _ => {
            let own = waiver.limit.as_ref();
            let own = own.map_or(String::new(), |own| limit(own, check.kind));
            format!("waived up to {own} only{reason}")
        }
    })
}

/// All of it in a line: `1 of 7 checks failed, 1 waived`.
pub fn summary(gate: &Gate) -> String {
    let total = gate.checks.len();
    let checks = if total == 1 { "check" } else { "checks" };
    let open = match gate.on_inconclusive {
        OnInconclusive::Report => "inconclusive",
        OnInconclusive::Warn => "inconclusive and let through",
        OnInconclusive::Fail => "inconclusive, which fails",
    };
    let words = [
        (Outcome::Failed, "failed"),
        (Outcome::Missing, "not measured"),
        (Outcome::Open, open),
        (Outcome::Waived, "waived"),
    ];
    let parts: Vec<String> = words
        .into_iter()
        .map(|(outcome, word)| (gate.count(outcome), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let text = match parts.as_slice() {
        [] => format!("{total} {checks} passed"),
        _ => format!("{total} {checks}: {}", parts.join(", ")),
    };
    if gate.stopped {
        return format!("before its end; until then {text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_they_are_worth() {
        assert_eq!(number(1_204_000.0, Kind::Time), "1.204 ms");
        assert_eq!(number(999_960.0, Kind::Time), "1.000 ms");
        assert_eq!(number(67_108_864.0, Kind::PeakRss), "64.00 MiB");
        assert_eq!(number(512.0, Kind::PeakAllocated), "512 B");
        assert_eq!(number(1_063_700.0, Kind::Bytecodes), "1,063,700");
        assert_eq!(number(12.0, Kind::Imports), "12");
        assert_eq!(change(1.38), "+38 %");
        assert_eq!(change(0.9996), "-0.04 %");
    }

    #[test]
    fn limits_are_shown_as_they_were_written() {
        assert_eq!(limit(&Limit::Growth(0.03), Kind::Time), "+3 %");
        assert_eq!(limit(&Limit::Growth(0.0), Kind::Bytecodes), "+0 %");
        assert_eq!(limit(&Limit::Most(1.2e8), Kind::Time), "120 ms");
        assert_eq!(limit(&Limit::Most(67_108_864.0), Kind::PeakRss), "64 MiB");
        assert_eq!(limit(&Limit::Most(1e7), Kind::PeakRss), "10 MB");
        assert_eq!(limit(&Limit::Most(150.0), Kind::Imports), "150");
        let names = Limit::Modules(vec!["pandas".into(), "numpy".into()]);
        assert_eq!(limit(&names, Kind::Forbidden), "none of pandas, numpy");
    }
}
