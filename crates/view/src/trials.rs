//! Pictures of repeated measurements: one benchmark, a comparison, and what disturbed them.

mod bench;
mod compare;
mod latency;
mod noise;

pub use bench::{render as bench, table as bench_table};
pub use compare::{render as comparison, suite};
pub use latency::render as latency;
pub use noise::sentences as disturbances;

use crate::paint::{Style, Tint, number};
use pitstop_analysis::trials::Verdict;
use pitstop_model::Clock;

/// A time with four digits, as small differences need: `25.31 ns`, `1.204 ms`.
pub(crate) fn time(ns: f64) -> String {
    for (unit, unit_ns) in [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)] {
        if ns / unit_ns < 999.95 || unit == "s" {
            return format!("{} {unit}", digits(ns / unit_ns));
        }
    }
    unreachable!("seconds take everything")
}

/// A number in its unit; a time if it has none.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    match unit {
        "" => time(value),
        "bytes" => number::bytes(value.round() as u64),
        unit => format!("{} {unit}", digits(value)),
    }
}

/// Four digits of a number.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.9995 => 3,
        v if v < 99.995 => 2,
        v if v < 999.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// A ratio as the change that it is: `+1.9 %`, `-38 %`, `0.0 %`.
pub(crate) fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent.abs() {
        p if p < 0.005 => "0.0 %".to_owned(),
        p if p < 0.095 => format!("{percent:+.2} %"),
        p if p < 9.95 => format!("{percent:+.1} %"),
        p if p < 100_000.0 => format!("{percent:+.0} %"),
        _ => format!("{ratio:.0} times"),
    }
}

/// A share with as many digits as it is worth.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p < 0.095 => format!("{p:.2} %"),
        p if p < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

pub(crate) fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Wall => "elapsed time",
        Clock::Cpu => "CPU time",
        Clock::WallWithoutDelay => "elapsed time without waiting for a CPU",
    }
}

pub(crate) fn verdict_tint(verdict: Verdict) -> Tint {
    match verdict {
        Verdict::Faster => Tint::Better,
        Verdict::Slower => Tint::Worse,
        Verdict::Equivalent => Tint::Strong,
        Verdict::Inconclusive => Tint::Id,
    }
}

/// From one end of a range to the other.
pub(crate) fn range(low: &str, high: &str, style: Style) -> String {
    let dots = if style.unicode { "…" } else { ".." };
    format!("[{low} {dots} {high}]")
}

/// The first line of a text, for titles.
pub(crate) fn title(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default().to_owned();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_keep_their_digits() {
        assert_eq!(time(25.312), "25.31 ns");
        assert_eq!(time(1_204_000.0), "1.204 ms");
        assert_eq!(time(999_960.0), "1.000 ms");
        assert_eq!(time(1.5e12), "1500 s");
        assert_eq!(time(0.5), "0.500 ns");
        assert_eq!(amount(1500.0, ""), "1.500 µs");
        assert_eq!(amount(1500.0, "bytes"), "1.50 kB");
        assert_eq!(amount(15.0, "items"), "15.00 items");
        assert_eq!(change(1.019), "+1.9 %");
        assert_eq!(change(0.62), "-38 %");
        assert_eq!(change(1.000_4), "+0.04 %");
        assert_eq!(change(1.0), "0.0 %");
        assert_eq!(change(5000.0), "5000 times");
        assert_eq!(percent(0.0061), "0.6 %");
        assert_eq!(percent(0.31), "31 %");
        assert_eq!(title("a\nb"), "a …");
    }
}
