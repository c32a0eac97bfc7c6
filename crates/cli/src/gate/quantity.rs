//! Limits as they are written: `+3%`, `120ms`, `64MiB`, `150`, `O(n log n)`.

use pitstop_analysis::gate::{Growth, Kind, Limit, Unit};

/// A growth of what is measured that is too small to be told from none.
const LEAST_GROWTH: f64 = 0.001;

/// Reads a limit of a kind. An error says what to write instead.
pub(super) fn limit(text: &str, kind: Kind) -> Result<Limit, String> {
    let text = text.trim();
    if let Some(growth) = text.strip_suffix('%') {
        return growth_limit(growth, kind);
    }
    if kind == Kind::Complexity {
        return class(text).map(Limit::Class).ok_or_else(|| {
            let known: Vec<&str> = Growth::ALL.iter().map(|growth| growth.text()).collect();
            format!("write one of {}", known.join(", "))
        });
    }
    let example = example(kind);
    let units: &[(&str, f64)] = match kind.unit() {
        Unit::Time => &[
            ("ns", 1.0),
            ("µs", 1e3),
            ("us", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("min", 6e10),
        ],
        Unit::Memory => &[
            ("KiB", 1024.0),
            ("MiB", 1_048_576.0),
            ("GiB", 1_073_741_824.0),
            ("KB", 1e3),
            ("kB", 1e3),
            ("MB", 1e6),
            ("GB", 1e9),
            ("B", 1.0),
        ],
        Unit::Count | Unit::Class => &[("", 1.0)],
    };
    let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| factor);
    let number = number.trim().replace('_', "").parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    match (number, factor) {
        (Some(number), Some(factor)) => Ok(Limit::Most(number * factor)),
        _ => Err(format!("write {example}")),
    }
}

fn growth_limit(number: &str, kind: Kind) -> Result<Limit, String> {
    if matches!(kind, Kind::Complexity | Kind::Forbidden) {
        return Err(format!("write {}", example(kind)));
    }
    let number = number.trim();
    let share = number
        .strip_prefix('+')
        .and_then(|number| number.trim().parse::<f64>().ok());
    let share = share
        .map(|percent| percent / 100.0)
        .filter(|share| share.is_finite());
    match share {
        None => Err("a growth begins with a plus: \"+3%\"".into()),
        Some(share) if share < 0.0 => Err("a growth begins with a plus: \"+3%\"".into()),
        Some(share) if !kind.is_counted() && share < LEAST_GROWTH => Err(
            "what is measured can never be proved not to have grown at all: allow at least \
                 \"+0.1%\", \"+3%\" is usual"
                .into(),
        ),
        Some(share) => Ok(Limit::Growth(share)),
    }
}

/// How limits of a kind are written.
pub(super) fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Time | Kind::Latency(_) => "\"+3%\" over the base, or \"120ms\" at most",
        Kind::ImportTime => "\"+5%\" over the base, or \"80ms\" at most",
        Kind::PeakRss | Kind::PeakAllocated => "\"+5%\" over the base, or \"64MiB\" at most",
        Kind::Bytecodes | Kind::Allocations => "\"+0%\" over the base, or 60000 at most",
        Kind::Imports => "\"+0%\" over the base, or 150 at most",
        Kind::Forbidden => "[\"pandas\"]",
        Kind::Complexity => "\"O(n log n)\"",
    }
}

/// A class of growth, in the ways that people type it.
fn class(text: &str) -> Option<Growth> {
    let plain: String = text
        .to_lowercase()
        .replace("**", "^")
        .replace("sqrt(n)", "√n")
        .replace("sqrt n", "√n")
        .replace("^2", "²")
        .replace("^3", "³")
        .replace("^n", "ⁿ")
        .replace("^1.5", "√n")
        .replace("log(n)", "logn")
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '*' | '·'))
        .collect();
    let same = |growth: &Growth| {
        let known: String = growth.text().to_lowercase().replace(' ', "");
        known == plain
    };
    if plain == "o(n√n)" {
        return Some(Growth::ThreeHalves);
    }
    Growth::ALL.into_iter().find(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_the_units_of_their_kind() {
        assert_eq!(limit("+3%", Kind::Time), Ok(Limit::Growth(0.03)));
        assert_eq!(limit("1.5 ms", Kind::Time), Ok(Limit::Most(1.5e6)));
        assert_eq!(limit("80us", Kind::ImportTime), Ok(Limit::Most(8e4)));
        assert_eq!(limit("64MiB", Kind::PeakRss), Ok(Limit::Most(67_108_864.0)));
        assert_eq!(limit("63_700", Kind::Bytecodes), Ok(Limit::Most(63_700.0)));
        assert_eq!(limit("+0%", Kind::Bytecodes), Ok(Limit::Growth(0.0)));
        for (text, kind) in [
            ("120", Kind::Time),
            ("3%", Kind::Time),
            ("-3%", Kind::Time),
            ("+0%", Kind::Time),
            ("64ms", Kind::PeakRss),
            ("many", Kind::Imports),
            ("nan", Kind::Imports),
            ("150 ms", Kind::Imports),
            ("+3%", Kind::Complexity),
            ("-5ms", Kind::Time),
            ("", Kind::Time),
        ] {
            assert!(limit(text, kind).is_err(), "{text} for {kind:?}");
        }
    }

    #[test]
    fn classes_are_read_in_the_ways_that_people_type_them() {
        for (text, growth) in [
            ("O(1)", Growth::Constant),
            ("o(log n)", Growth::Logarithmic),
            ("O(n)", Growth::Linear),
            ("O(n log n)", Growth::Linearithmic),
            ("O(n*log(n))", Growth::Linearithmic),
            ("O(n^1.5)", Growth::ThreeHalves),
            ("O(n sqrt(n))", Growth::ThreeHalves),
            ("O(n**2)", Growth::Quadratic),
            ("O(n²)", Growth::Quadratic),
            ("O(n^2 log n)", Growth::QuadraticLog),
            ("O(2^n)", Growth::Exponential),
            ("O(n!)", Growth::Factorial),
        ] {
            assert_eq!(
                limit(text, Kind::Complexity),
                Ok(Limit::Class(growth)),
                "{text}"
            );
        }
        assert!(limit("fast", Kind::Complexity).is_err());
    }
}
