//! Numbers as people read them: three significant digits, one unit a column, a share beside it.

/// A unit and the number of decimals that suit the largest value of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale {
    unit: &'static str,
    unit_ns: f64,
    decimals: usize,
}

const UNITS: [(&str, f64, f64); 6] = [
    // Unit, nanoseconds, and the value from which on the next unit is used.
    ("ns", 1.0, 999.5),
    ("µs", 1e3, 999.5),
    ("ms", 1e6, 999.5),
    ("s", 1e9, 599.5),
    ("min", 60e9, 599.5),
    ("h", 3600e9, f64::INFINITY),
];

impl TimeScale {
    /// The scale for a column whose largest value is `largest_ns` nanoseconds.
    pub fn of(largest_ns: f64) -> Self {
        let largest_ns = largest_ns.max(0.0);
        let (unit, unit_ns, _) = UNITS
            .into_iter()
            .find(|(_, unit_ns, limit)| largest_ns / unit_ns < *limit)
            .unwrap_or(UNITS[UNITS.len() - 1]);
        let decimals = match unit {
            "ns" => 0,
            _ => decimals(largest_ns / unit_ns),
        };
        Self {
            unit,
            unit_ns,
            decimals,
        }
    }

    /// A time in this scale, with its unit.
    pub fn format(&self, ns: f64) -> String {
        format!("{:.*} {}", self.decimals, ns / self.unit_ns, self.unit)
    }
}

/// A time by itself: `2.43 s`.
pub fn time(ns: f64) -> String {
    TimeScale::of(ns).format(ns)
}

/// An amount of memory by itself, in decimal units: `62.1 MB`.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 {
            let decimals = if unit == "B" { 0 } else { decimals(value) };
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.0} EB")
}

/// The same with two significant digits, for where it is said in passing: `62 MB`, `7.6 GB`.
pub fn bytes_roughly(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 {
            let decimals = usize::from(unit != "B" && value < 9.95);
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.0} EB")
}

/// A share (0 to 1) in whole percent; what is there but less is `<1 %`.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.5 => "<1 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}

/// A share (0 to 1) near nothing or everything, where digits matter: `0.4 %`, `99.97 %`. Never
/// rounded to nothing or to everything.
pub fn exact_share(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent.min(100.0 - percent) {
        distance if distance <= 0.0 => 0,
        distance if distance < 0.005 => {
            return if percent < 50.0 {
                "<0.01 %"
            } else {
                ">99.99 %"
            }
            .to_owned();
        }
        distance if distance < 0.095 => 2,
        distance if distance < 9.95 => 1,
        _ => 0,
    };
    format!("{percent:.decimals$} %")
}

/// A number by itself with about three significant digits: `<0.01`, `0.012`, `1.25`, `143`.
pub fn plain(value: f64) -> String {
    match value {
        v if v <= 0.0 => "0".to_owned(),
        v if v < 0.0095 => "<0.01".to_owned(),
        v if v < 0.9995 => format!("{v:.3}"),
        v => format!("{v:.*}", decimals(v)),
    }
}

/// A count with its thousands apart: `2,431`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 line`, `2 lines`: a count with its noun, whose plural takes an s.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// The decimals that make three significant digits of a value from 1 on.
fn decimals(value: f64) -> usize {
    match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (17.0, "17 ns"),
            (1_234.0, "1.23 µs"),
            (999_600.0, "1.00 ms"),
            (12_340_000.0, "12.3 ms"),
            (999_400_000.0, "999 ms"),
            (999_600_000.0, "1.00 s"),
            (2.43e9, "2.43 s"),
            (9.996e9, "10.0 s"),
            (143e9, "143 s"),
            (3600e9, "60.0 min"),
            (1e14, "27.8 h"),
        ] {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn a_column_has_one_unit() {
        let scale = TimeScale::of(1.11e9);
        assert_eq!(scale.format(1.11e9), "1.11 s");
        assert_eq!(scale.format(4.2e7), "0.04 s");
    }

    #[test]
    fn memory_shares_and_counts() {
        assert_eq!(bytes(62_104_000), "62.1 MB");
        assert_eq!(bytes_roughly(62_104_000), "62 MB");
        assert_eq!(bytes_roughly(7_620_000_000), "7.6 GB");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(u64::MAX), "18 EB");
        assert_eq!(share(0.456), "46 %");
        assert_eq!(share(0.001), "<1 %");
        assert_eq!(exact_share(0.9997), "99.97 %");
        assert_eq!(exact_share(0.004), "0.4 %");
        assert_eq!(exact_share(0.999_999), ">99.99 %");
        assert_eq!(exact_share(1.0), "100 %");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(plain(0.012_34), "0.012");
        assert_eq!(plain(0.005), "<0.01");
        assert_eq!(plain(1.25), "1.25");
        assert_eq!(counted(1, "line"), "1 line");
    }
}
