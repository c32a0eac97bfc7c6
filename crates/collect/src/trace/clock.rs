//! From the ticks of a trace to nanoseconds.

use pitstop_wire::{Header, flag};

/// The clock of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    anchor_ticks: u64,
    anchor_ns: u64,
    ns_a_tick: f64,
}

impl Clock {
    /// From the two moments that the process wrote down on both clocks.
    pub(super) fn of(header: &Header) -> Self {
        let ticks = header.later_ticks.wrapping_sub(header.anchor_ticks);
        let ns = header.later_ns.wrapping_sub(header.anchor_ns);
        let measured = header.flags & flag::PROCESSOR_TICKS != 0 && ticks > 0;
        let ratio = if measured {
            ns as f64 / ticks as f64
        } else {
            1.0
        };
        // No counter runs slower than a megahertz or faster than a hundred gigahertz.
        let is_possible = (0.01..=1000.0).contains(&ratio);
        Self {
            anchor_ticks: header.anchor_ticks,
            anchor_ns: header.anchor_ns,
            ns_a_tick: if is_possible { ratio } else { 1.0 },
        }
    }

    /// How long so many ticks take; nothing for what is less than none.
    pub(super) fn duration_ns(&self, ticks: f64) -> u64 {
        (ticks * self.ns_a_tick).max(0.0) as u64
    }

    /// The ticks at a moment on the monotonic clock.
    pub(super) fn ticks_at(&self, moment_ns: u64) -> u64 {
        let since_ns = moment_ns.wrapping_sub(self.anchor_ns).cast_signed();
        let since = (since_ns as f64 / self.ns_a_tick) as i64;
        self.anchor_ticks.saturating_add_signed(since)
    }

    /// The moment on the monotonic clock.
    pub(super) fn moment_ns(&self, ticks: u64) -> u64 {
        let since = ticks.wrapping_sub(self.anchor_ticks).cast_signed();
        let since_ns = (since as f64 * self.ns_a_tick) as i64;
        self.anchor_ns.saturating_add_signed(since_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_told_by_the_two_anchors() {
        let header = Header {
            flags: flag::PROCESSOR_TICKS,
            anchor_ticks: 1000,
            anchor_ns: 50_000,
            later_ticks: 3000,
            later_ns: 51_000,
            ..Header::default()
        };
        let clock = Clock::of(&header);
        assert_eq!(clock.duration_ns(10.0), 5);
        assert_eq!(clock.duration_ns(-10.0), 0);
        assert_eq!(clock.moment_ns(5000), 52_000);
        assert_eq!(clock.moment_ns(0), 49_500);
        assert_eq!(clock.ticks_at(52_000), 5000);
        assert_eq!(clock.ticks_at(49_500), 0);
    }

    #[test]
    fn what_cannot_be_a_clock_counts_nanoseconds() {
        let header = Header {
            flags: flag::PROCESSOR_TICKS,
            later_ticks: 1,
            later_ns: u64::MAX,
            ..Header::default()
        };
        assert_eq!(Clock::of(&header).duration_ns(7.0), 7);
        assert_eq!(Clock::of(&Header::default()).duration_ns(7.0), 7);
    }
}
