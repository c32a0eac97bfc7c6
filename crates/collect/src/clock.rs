//! When to sample: regular on average, irregular from one sample to the next.
//!
//! A program that does something every millisecond must not meet a profiler that looks every
//! millisecond. The time to the next sample is drawn evenly from half to one and a half intervals.

/// A small deterministic generator (xorshift64*, Vigna 2016, "An experimental exploration of
/// Marsaglia's xorshift generators, scrambled").
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        }
    }

    /// The time to the next sample in nanoseconds, `interval_ns` on average.
    pub(crate) fn next(&mut self, interval_ns: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        interval_ns / 2 + (interval_ns.saturating_mul(random) >> 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_keep_their_mean_and_their_bounds() {
        let mut jitter = Jitter::new(3);
        let drawn: Vec<u64> = (0..100_000).map(|_| jitter.next(1_000_000)).collect();
        assert!(drawn.iter().all(|ns| (500_000..1_500_001).contains(ns)));
        let mean = drawn.iter().sum::<u64>() / drawn.len() as u64;
        // The standard error of the mean is 289 µs / sqrt(100 000), about 0.9 µs.
        assert!(mean.abs_diff(1_000_000) < 5_000, "mean {mean}");
    }
}
