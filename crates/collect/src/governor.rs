//! Keeps the cost of sampling within its limit by lowering the rate.

use pitstop_model::RateChange;

/// Above this share of the target's time the rate is lowered.
const LIMIT: f64 = 0.02;
/// It is lowered so far that this share remains.
const AIM: f64 = 0.015;
/// Never less often than this.
const FLOOR_HZ: f64 = 10.0;
/// Shorter stretches than this say little.
const STRETCH_NS: u64 = 250_000_000;

/// Watches what sampling costs.
pub(crate) struct Governor {
    rate_hz: f64,
    last_ns: u64,
    last_delay_ns: u64,
    /// The last stretch cost too much: if the next one does too, it was no accident.
    over: bool,
}

impl Governor {
    pub(crate) fn new(rate_hz: f64, now_ns: u64) -> Self {
        Self {
            rate_hz,
            last_ns: now_ns,
            last_delay_ns: 0,
            over: false,
        }
    }

    /// The rate to change to, if sampling has cost too much lately. `delay_ns` is the total time
    /// for which targets were kept off their CPU, `running` how many processes share it.
    pub(crate) fn judge(
        &mut self,
        now_ns: u64,
        delay_ns: u64,
        running: usize,
        start_ns: u64,
    ) -> Option<RateChange> {
        let elapsed = now_ns.saturating_sub(self.last_ns);
        if elapsed < STRETCH_NS {
            return None;
        }
        let share = delay_ns.saturating_sub(self.last_delay_ns) as f64
            / (elapsed as f64 * running.max(1) as f64);
        self.last_ns = now_ns;
        self.last_delay_ns = delay_ns;
        let over = share > LIMIT && self.rate_hz > FLOOR_HZ;
        // Starting up, when every code object is new, costs more than what follows.
        if !std::mem::replace(&mut self.over, over) || !over {
            return None;
        }
        self.over = false;
        self.rate_hz = (self.rate_hz * AIM / share).max(FLOOR_HZ);
        Some(RateChange {
            time_ns: now_ns.saturating_sub(start_ns),
            rate_hz: self.rate_hz,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_only_when_the_cost_is_over_the_limit() {
        let mut governor = Governor::new(1000.0, 0);
        assert_eq!(governor.judge(1_000_000_000, 10_000_000, 1, 0), None);
        assert_eq!(
            governor.judge(2_000_000_000, 70_000_000, 1, 0),
            None,
            "may be an accident"
        );
        let change = governor
            .judge(3_000_000_000, 130_000_000, 1, 0)
            .expect("6 % is too much");
        assert!((change.rate_hz - 250.0).abs() < 1e-6);
        assert_eq!(
            governor.judge(3_100_000_000, 230_000_000, 1, 0),
            None,
            "too short a stretch"
        );
    }
}
