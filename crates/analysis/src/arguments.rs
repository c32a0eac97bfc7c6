//! What would a cache do for the watched functions?

use crate::Place;
use crate::cost::ratio;
use pitstop_model::{FunctionId, Profile, WatchedFunction};

/// The part of all possible hits that a suggested cache gives.
const ENOUGH: f64 = 0.95;
/// How many repeated combinations are shown.
const SHOWN: usize = 5;

/// A watched function. Processes are added up: each has a cache of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgumentsOf {
    /// Where it is.
    pub place: Place,
    /// What was counted.
    pub counts: WatchedFunction,
    /// The part (0 to 1) of the calls that a cache of any size would answer.
    pub hit_share: f64,
    /// The smallest cache, a power of two, that gives 95 % of these hits; `None` without hits.
    pub cache_size: Option<u64>,
    /// The combinations that came most often.
    pub repeated: Vec<Repeated>,
    /// The number of combinations that came more than once is larger than what is shown.
    pub more: usize,
}

/// A combination of arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated {
    /// As text, where that was kept.
    pub text: Option<String>,
    /// Calls.
    pub calls: u64,
    /// The part (0 to 1) of all calls.
    pub share: f64,
    /// What they took, in nanoseconds.
    pub time_ns: u64,
    /// What a cache would have saved, in nanoseconds.
    pub repeat_ns: u64,
    /// Calls with another result than the first.
    pub differed: u64,
}

/// All watched functions, the one with most to save first.
pub fn arguments(profile: &Profile) -> Vec<ArgumentsOf> {
    let mut all: Vec<(FunctionId, Vec<usize>)> = Vec::new();
    for (index, watched) in profile.arguments.functions.iter().enumerate() {
        match all.iter_mut().find(|(known, _)| *known == watched.function) {
            Some((_, positions)) => positions.push(index),
            None => all.push((watched.function, vec![index])),
        }
    }
    let mut reports: Vec<ArgumentsOf> = all
        .into_iter()
        .map(|(function, positions)| of_function(profile, function, &positions))
        .collect();
    reports.sort_by_key(|report| std::cmp::Reverse(report.counts.repeat_ns));
    reports
}

fn of_function(profile: &Profile, function: FunctionId, positions: &[usize]) -> ArgumentsOf {
    let entries = || positions.iter().map(|&at| profile.arguments.functions[at]);
    let sum = |number: fn(&WatchedFunction) -> u64| entries().map(|entry| number(&entry)).sum();
    let counts = WatchedFunction {
        function,
        skipped: entries().all(|entry| entry.skipped),
        estimated: entries().any(|entry| entry.estimated),
        calls: sum(|f| f.calls),
        raised: sum(|f| f.raised),
        distinct: sum(|f| f.distinct),
        hits: sum(|f| f.hits),
        time_ns: sum(|f| f.time_ns),
        repeat_ns: sum(|f| f.repeat_ns),
        by_identity: sum(|f| f.by_identity),
        own_equality: sum(|f| f.own_equality),
        unhashable: sum(|f| f.unhashable),
        temporary: sum(|f| f.temporary),
        agreed: sum(|f| f.agreed),
        differed: sum(|f| f.differed),
        unknown: sum(|f| f.unknown),
    };
    let is_ours = |index: u32| positions.contains(&(index as usize));
    let mut reuse: Vec<(u64, u64)> = Vec::new();
    for entry in profile
        .arguments
        .reuse
        .iter()
        .filter(|r| is_ours(r.function))
    {
        reuse.push((entry.distance, entry.calls));
    }
    let mut repeated: Vec<Repeated> = profile
        .arguments
        .repeated
        .iter()
        .filter(|entry| is_ours(entry.function))
        .map(|entry| Repeated {
            text: entry.text.map(|text| profile.text(text).to_owned()),
            calls: entry.calls,
            share: ratio(entry.calls as f64, counts.calls as f64),
            time_ns: entry.time_ns,
            repeat_ns: entry.repeat_ns,
            differed: entry.differed,
        })
        .collect();
    repeated.sort_by_key(|entry| std::cmp::Reverse(entry.calls));
    let more = repeated.len().saturating_sub(SHOWN);
    repeated.truncate(SHOWN);
    ArgumentsOf {
        place: Place::of_function(profile, function),
        hit_share: ratio(counts.hits as f64, counts.calls as f64),
        cache_size: (counts.hits > 0).then(|| cache_size(counts.calls, reuse)),
        counts,
        repeated,
        more,
    }
}

/// The smallest power of two that is a cache large enough.
///
/// The average number of different keys among `w` calls is the sum over `i < w` of the part of
/// calls whose distance to the one before with the same key exceeds `i` (Denning and Schwartz, 1972);
/// a cache of that size answers the calls whose distance is at most `w`.
fn cache_size(calls: u64, mut reuse: Vec<(u64, u64)>) -> u64 {
    reuse.sort_unstable();
    let possible: u64 = reuse.iter().map(|(_, calls)| calls).sum();
    let (mut size, mut answered, mut before) = (0.0, 0, 0);
    for (distance, count) in reuse {
        let missing = 1.0 - ratio(answered as f64, calls as f64);
        size += distance.saturating_sub(before) as f64 * missing;
        before = distance;
        answered += count;
        if answered as f64 >= possible as f64 * ENOUGH {
            break;
        }
    }
    // A bucket reaches a quarter of an octave beyond its least distance.
    ((size * 1.25).ceil() as u64).max(1).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::cache_size;

    #[test]
    fn a_cache_holds_what_comes_in_turn() {
        // 100 keys in turn: every call but the first 100 is 100 calls behind its last one.
        assert_eq!(cache_size(10_000, vec![(96, 9_900)]), 128);
        // The same key again and again.
        assert_eq!(cache_size(10_000, vec![(1, 9_999)]), 2);
    }
}
