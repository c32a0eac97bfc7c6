//! How well a share is known that was counted in a sample.
//!
//! The score interval of Wilson (1927): unlike the textbook `p ± z·√(p(1-p)/n)` it stays inside
//! 0..1 and does not shrink to nothing when a share is 0 or 1.

/// The two-sided 95 % quantile of the normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// A range that a share lies in, with 95 % confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShareInterval {
    /// The lower end, 0 to 1.
    pub low: f64,
    /// The upper end, 0 to 1.
    pub high: f64,
}

impl ShareInterval {
    /// Half the width of the range: the `± m` to print beside the share.
    pub fn margin(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The 95 % interval of a share that was seen as `share` (0 to 1) in `trials` independent trials.
///
/// Without trials nothing is known: the interval is 0 to 1.
pub fn wilson95(share: f64, trials: u64) -> ShareInterval {
    if trials == 0 {
        return ShareInterval {
            low: 0.0,
            high: 1.0,
        };
    }
    let n = trials as f64;
    let p = share.clamp(0.0, 1.0);
    let z2 = Z95 * Z95;
    let scale = 1.0 + z2 / n;
    let centre = (p + z2 / (2.0 * n)) / scale;
    let half = Z95 / scale * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ShareInterval {
        low: (centre - half).clamp(0.0, p),
        high: (centre + half).clamp(p, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 5e-4
    }

    #[test]
    fn agrees_with_published_values() {
        // Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29 by the score method.
        for (x, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = wilson95(f64::from(x) / n as f64, n);
            assert!(close(interval.low, low), "{x}/{n}: {interval:?}");
            assert!(close(interval.high, high), "{x}/{n}: {interval:?}");
        }
    }

    #[test]
    fn knows_nothing_without_trials() {
        assert!(close(wilson95(0.3, 0).margin(), 0.5));
    }

    #[test]
    fn always_holds_the_share_itself() {
        for trials in [1, 2, 30, 1_000_000] {
            for step in 0..=100 {
                let share = f64::from(step) / 100.0;
                let interval = wilson95(share, trials);
                assert!(0.0 <= interval.low && interval.low <= share);
                assert!(share <= interval.high && interval.high <= 1.0);
            }
        }
    }
}
