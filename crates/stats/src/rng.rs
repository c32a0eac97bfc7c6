//! Random numbers that are the same for the same seed, on every machine.
//!
//! xoshiro256** of Blackman and Vigna (2018), its state filled by SplitMix64 as they recommend. Not
//! for secrets. Whoever draws takes a [`Rng`] by reference, so that a whole session of measurements
//! follows from one number.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream that belongs to a seed.
    pub fn new(seed: u64) -> Self {
        let mut counter = seed;
        Self {
            state: std::array::from_fn(|_| {
                counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = counter;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }),
        }
    }

    /// A stream of its own for one part of the work: what that part draws does not depend on how
    /// much others drew before it.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let [_, second, ..] = self.state;
        let result = second.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = second << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number from 0 up to but not including `end`; 0 when `end` is 0. Lemire's method without
    /// its rejection: for the small ends used here the bias is below 2⁻⁴⁰.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// An index into something of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Heads or tails.
    pub fn coin(&mut self) -> bool {
        self.bits() >> 63 == 1
    }

    /// A number from 0 up to but not including 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number from the standard normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts things into a random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.index(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_authors_generator() {
        // The first outputs of xoshiro256** from the state 1, 2, 3, 4, by its authors' C code.
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let expected = [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240];
        assert_eq!(expected.map(|_| rng.bits()), expected);
        // And SplitMix64 from seed 0.
        assert_eq!(Rng::new(0).state[0], 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn numbers_are_spread_as_promised() {
        let mut rng = Rng::new(7);
        let draws = 100_000;
        let mean = (0..draws).map(|_| rng.uniform()).sum::<f64>() / f64::from(draws);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let squares = (0..draws).map(|_| rng.normal().powi(2)).sum::<f64>() / f64::from(draws);
        assert!((squares - 1.0).abs() < 0.02, "{squares}");
        let mut counts = [0; 5];
        for _ in 0..draws {
            counts[rng.index(5)] += 1;
        }
        assert!(counts.iter().all(|count| (19_000..21_000).contains(count)));
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn a_shuffle_loses_nothing_and_forks_differ() {
        let mut rng = Rng::new(1);
        let mut things: Vec<u32> = (0..100).collect();
        rng.shuffle(&mut things);
        assert_ne!(things, (0..100).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
        assert_ne!(rng.fork().bits(), rng.fork().bits());
    }
}
