//! Durations, shares and counts in words.

/// A duration with three significant digits: `1.48 s`, `23.4 ms`, `812 µs`, `640 ns`, `0 s`.
pub(crate) fn duration(ns: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = ns as f64;
    match ns {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..999_500 => format!("{} µs", three_digits(value / 1e3)),
        999_500..999_500_000 => format!("{} ms", three_digits(value / 1e6)),
        999_500_000..600_000_000_000 => format!("{} s", three_digits(value / 1e9)),
        _ => {
            let seconds = ns / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            if hours > 0 {
                format!("{hours} h {minutes} min")
            } else {
                format!("{minutes} min {} s", seconds % 60)
            }
        }
    }
}

/// A part of a whole in percent: `46.2 %`, `<0.1 %`; `0 %` of nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let percent = if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    };
    if part == 0 {
        "0 %".to_owned()
    } else if percent < 0.05 {
        "<0.1 %".to_owned()
    } else if percent >= 99.95 {
        "100 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// A count with thousands separated: `5,914`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 sample`, `5,914 samples`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_the_right_unit() {
        for (ns, text) in [
            (0, "0 s"),
            (640, "640 ns"),
            (1_000, "1.00 µs"),
            (812_000, "812 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (23_440_000, "23.4 ms"),
            (99_960_000, "100 ms"),
            (999_500_000, "1.00 s"),
            (1_480_000_000, "1.48 s"),
            (148_000_000_000, "148 s"),
            (725_000_000_000, "12 min 5 s"),
            (7_500_000_000_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn shares_do_not_round_to_nothing_or_all_without_reason() {
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(share(1, 1_000_000), "<0.1 %");
        assert_eq!(share(462, 1000), "46.2 %");
        assert_eq!(share(10, 10), "100 %");
    }

    #[test]
    fn counts_separate_thousands() {
        assert_eq!(count(5), "5");
        assert_eq!(count(5914), "5,914");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "sample", "samples"), "1 sample");
    }
}
