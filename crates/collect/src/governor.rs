//! Keeps the cost of sampling within its limit by lowering the rate, and raises it again when the
//! cost falls.

use pitstop_model::RateChange;

/// Above this share of the target's time the rate is lowered.
const LIMIT: f64 = 0.02;
/// It is changed so far that this share remains.
const AIM: f64 = 0.015;
/// Below this share a rate that was lowered is raised again. Well below the aim, so that it does
/// not swing to and fro.
const IDLE: f64 = 0.0075;
/// Never less often than this.
const FLOOR_HZ: f64 = 10.0;
/// What costs this much is no accident of one stretch: the rate is lowered at once.
const FAR_ABOVE: f64 = 0.05;
/// Shorter stretches than this say little; a stretch has at least so many ticks, too.
const STRETCH_NS: u64 = 100_000_000;
const STRETCH_TICKS: f64 = 10.0;
/// After a change for the better the cost is watched for this long before another.
const RAISE_AFTER_NS: u64 = 1_000_000_000;
/// No more than twice as often in one step: what costs little now may be about to begin.
const MOST_RAISE: f64 = 2.0;

/// Watches what sampling costs.
pub(crate) struct Governor {
    asked_hz: f64,
    rate_hz: f64,
    last_ns: u64,
    last_delay_ns: u64,
    changed_ns: u64,
    /// The last stretch cost too much: if the next one does too, it was no accident.
    over: bool,
}

impl Governor {
    pub(crate) fn new(rate_hz: f64, now_ns: u64) -> Self {
        Self {
            asked_hz: rate_hz,
            rate_hz,
            last_ns: now_ns,
            last_delay_ns: 0,
            changed_ns: now_ns,
            over: false,
        }
    }

    /// The rate to change to, if sampling has cost too much lately, or so little that a rate that
    /// was lowered can be raised. `delay_ns` is the total time for which targets were kept off
    /// their CPU, `running` how many processes share it.
    pub(crate) fn judge(
        &mut self,
        now_ns: u64,
        delay_ns: u64,
        running: usize,
        start_ns: u64,
    ) -> Option<RateChange> {
        let elapsed = now_ns.saturating_sub(self.last_ns);
        let ticks = elapsed as f64 * self.rate_hz / 1e9;
        if elapsed < STRETCH_NS || ticks < STRETCH_TICKS {
            return None;
        }
        let share = delay_ns.saturating_sub(self.last_delay_ns) as f64
            / (elapsed as f64 * running.max(1) as f64);
        self.last_ns = now_ns;
        self.last_delay_ns = delay_ns;
        let over = share > LIMIT && self.rate_hz > FLOOR_HZ;
        let again = std::mem::replace(&mut self.over, over);
        let since = now_ns.saturating_sub(self.changed_ns);
        let factor = if over && (again || share > FAR_ABOVE) {
            AIM / share
        } else if share < IDLE && self.rate_hz < self.asked_hz && since > RAISE_AFTER_NS {
            (AIM / share.max(f64::MIN_POSITIVE)).min(MOST_RAISE)
        } else {
            return None;
        };
        self.over = false;
        self.changed_ns = now_ns;
        self.rate_hz = (self.rate_hz * factor).clamp(FLOOR_HZ.min(self.asked_hz), self.asked_hz);
        Some(RateChange {
            time_ns: now_ns.saturating_sub(start_ns),
            rate_hz: self.rate_hz,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_rate_falls_when_the_cost_is_over_the_limit_twice() {
        let mut governor = Governor::new(1000.0, 0);
        assert_eq!(governor.judge(SECOND, 10_000_000, 1, 0), None);
        assert_eq!(
            governor.judge(2 * SECOND, 40_000_000, 1, 0),
            None,
            "may be an accident"
        );
        let change = governor
            .judge(3 * SECOND, 70_000_000, 1, 0)
            .expect("3 % is too much");
        assert!((change.rate_hz - 500.0).abs() < 1e-6);
        let soon = 3 * SECOND + STRETCH_NS / 2;
        assert_eq!(
            governor.judge(soon, 170_000_000, 1, 0),
            None,
            "too short a stretch"
        );
    }

    #[test]
    fn what_costs_much_too_much_is_lowered_at_once() {
        let mut governor = Governor::new(1000.0, 0);
        let change = governor.judge(STRETCH_NS, STRETCH_NS * 3 / 10, 1, 0);
        let change = change.expect("30 % is far too much");
        assert!((change.rate_hz - 50.0).abs() < 1e-6);
        // At 50 Hz a stretch is longer: five ticks say little.
        let (now, delay) = (2 * STRETCH_NS, STRETCH_NS * 6 / 10);
        assert_eq!(governor.judge(now, delay, 1, 0), None);
    }

    #[test]
    fn a_rate_that_was_lowered_is_raised_step_by_step_up_to_what_was_asked() {
        let mut governor = Governor::new(1000.0, 0);
        let mut delay_ns = SECOND * 6 / 100;
        let change = governor.judge(SECOND, delay_ns, 1, 0).expect("6 %");
        assert!((change.rate_hz - 250.0).abs() < 1e-6);
        let mut rates = Vec::new();
        for second in 2..10 {
            delay_ns += SECOND / 1000;
            let change = governor.judge(second * SECOND + second, delay_ns, 1, 0);
            rates.extend(change.map(|change| change.rate_hz));
        }
        assert_eq!(rates, [500.0, 1000.0]);
    }
}
