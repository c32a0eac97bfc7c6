//! What lies in the file about arguments, queries and blocking calls.

use crate::layout::{Text, UNIT_BYTES};
use core::mem::size_of;

/// Lists of what was found, in the header.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// The newest [`Watched`].
    pub watched: u32,
    /// The newest [`Query`].
    pub queries: u32,
    /// The newest [`Blocking`].
    pub blocking: u32,
    /// The newest [`Slow`].
    pub slow: u32,
    /// Callbacks that event loops ran.
    pub callbacks: u64,
    /// What they took, in ticks.
    pub callback_ticks: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// What they took, in ticks.
    pub commit_ticks: u64,
    /// Calls, statements and callbacks that found no room.
    pub lost: u64,
    /// Statements that were not compared with earlier ones, for want of room.
    pub uncompared: u64,
}

/// Bits of [`Watched::flags`].
pub mod watched {
    /// A generator or coroutine function: its calls only make an object, so they are not watched.
    pub const SKIPPED: u32 = 1;
}

/// Buckets of [`Watched::reuse`]: four an octave, for distances up to 2^40 calls.
pub const REUSE_BUCKETS: usize = 160;

/// Registers of [`Watched::registers`].
pub const REGISTERS: usize = 1024;

/// Keys that are kept beyond the full table: those that come most often.
pub const OVERFLOW_KEYS: u32 = 64;

/// A function whose arguments are watched.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Watched {
    /// The [`crate::Callable`].
    pub callable: u32,
    /// The next older one.
    pub next: u32,
    /// Bits of [`watched`].
    pub flags: u32,
    /// The first unit of the table of [`KeyRecord`]s: open addressing, hash 0 is empty.
    pub keys: u32,
    /// How many fit into it, a power of two.
    pub key_capacity: u32,
    /// How many are in it.
    pub key_count: u32,
    /// The first unit of the registers of a HyperLogLog, once the table is full; else 0.
    pub registers: u32,
    /// The first unit of [`OVERFLOW_KEYS`] more records, once the table is full; else 0.
    pub overflow: u32,
    /// The first unit of [`REUSE_BUCKETS`] counts of calls by their distance to the one before with
    /// the same key.
    pub reuse: u32,
    /// Texts that were kept of keys.
    pub texts: u32,
    /// Where the arguments lie in a frame: for the probe.
    pub plan: Text,
    /// Calls that began.
    pub calls: u64,
    /// Calls that ended with an exception.
    pub raised: u64,
    /// Calls whose key had been answered before.
    pub hits: u64,
    /// Ticks in it, recursion counted once.
    pub ticks: u64,
    /// Ticks of the hits, nested ones counted once.
    pub repeat_ticks: u64,
    /// Calls with an argument that is told by its identity.
    pub by_identity: u64,
    /// Calls with an argument that has an equality of its own, which is not asked.
    pub own_equality: u64,
    /// Calls with an argument that cannot be hashed.
    pub unhashable: u64,
    /// Calls with an argument that nobody else holds: it can never come again.
    pub temporary: u64,
    /// Repeated calls whose result was that of the first one.
    pub agreed: u64,
    /// Repeated calls whose result was another one.
    pub differed: u64,
    /// Repeated calls whose results could not be compared.
    pub unknown: u64,
    /// Calls with keys that found no room in the table.
    pub untracked_calls: u64,
    /// What they took, in ticks.
    pub untracked_ticks: u64,
    /// Padding.
    pub reserved: [u64; 4],
}

/// Bits of [`KeyRecord::flags`].
pub mod key {
    /// A call with it has returned: a cache would have an answer.
    pub const ANSWERED: u32 = 1;
    /// The result is told by its identity only.
    pub const RESULT_BY_IDENTITY: u32 = 2;
}

/// A combination of arguments.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyRecord {
    /// Its hash; 0 for an empty place.
    pub hash: u64,
    /// Calls with it.
    pub calls: u64,
    /// What they took, in ticks.
    pub ticks: u64,
    /// What those took that a cache would have answered, in ticks.
    pub repeat_ticks: u64,
    /// The number of the last call with it.
    pub last: u64,
    /// The hash of the first result.
    pub result: u64,
    /// Repeated calls that had another result.
    pub differed: u32,
    /// Bits of [`key`].
    pub flags: u32,
    /// The arguments as text, where it was kept.
    pub text: Text,
}

/// Bits of [`Query::flags`].
pub mod query {
    /// It was given many sets of parameters at once.
    pub const MANY: u32 = 1;
    /// It reads: `SELECT` or `WITH`.
    pub const READS: u32 = 2;
    /// It writes: `INSERT`, `UPDATE`, `DELETE`, `REPLACE`.
    pub const WRITES: u32 = 4;
}

/// A statement at a place of the program.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// The hash of the statement and place.
    pub hash: u64,
    /// The statement with its literals replaced.
    pub text: Text,
    /// The function whose call it was: a method of the driver, as a [`crate::Callable`].
    pub driver: u32,
    /// The user's function that led to it, a [`crate::Callable`].
    pub callable: u32,
    /// Where in it, in instruction units plus one.
    pub site: u32,
    /// The user's function that called that one; 0 if there is none.
    pub caller: u32,
    /// Where in it.
    pub caller_site: u32,
    /// The next older one.
    pub next: u32,
    /// Bits of [`query`].
    pub flags: u32,
    /// The query that came before the present burst of this one; 0 if none.
    pub parent: u32,
    /// The same of the longest burst.
    pub longest_parent: u32,
    /// Padding.
    pub reserved: u32,
    /// How often it was run.
    pub count: u64,
    /// What that took, fetching included, in ticks.
    pub ticks: u64,
    /// The longest run, in ticks, without fetching.
    pub longest: u64,
    /// Rows that were fetched.
    pub rows: u64,
    /// Runs that ended with an exception.
    pub raised: u64,
    /// Runs with a statement and parameters that had been run before.
    pub repeated: u64,
    /// Commits of this one write alone.
    pub lone_commits: u64,
    /// The number of the last run in its thread.
    pub last: u64,
    /// Runs of the present burst: with few other queries in between.
    pub burst: u64,
    /// Runs of the longest one.
    pub longest_burst: u64,
    /// Padding.
    pub more: [u64; 7],
}

/// Calls that kept an event loop waiting.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocking {
    /// What was called, a [`crate::Callable`].
    pub native: u32,
    /// The user's function that led to it.
    pub callable: u32,
    /// Where in it, in instruction units plus one.
    pub site: u32,
    /// The next older one.
    pub next: u32,
    /// How often.
    pub count: u64,
    /// What that took, in ticks.
    pub ticks: u64,
    /// The longest, in ticks.
    pub longest: u64,
    /// Padding.
    pub reserved: [u64; 3],
}

/// A callback that kept an event loop longer than it may.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Slow {
    /// What it is called.
    pub label: Text,
    /// The function, a [`crate::Callable`]; 0 if it has no Python code.
    pub callable: u32,
    /// The next older one.
    pub next: u32,
    /// How often it was too slow.
    pub count: u64,
    /// What that took, in ticks.
    pub ticks: u64,
    /// The longest, in ticks.
    pub longest: u64,
    /// How much of it was in blocking calls, in ticks.
    pub blocked: u64,
    /// Padding.
    pub reserved: [u64; 2],
}

const _: () = {
    assert!(size_of::<Watched>() == 3 * UNIT_BYTES);
    assert!(size_of::<KeyRecord>() == UNIT_BYTES);
    assert!(size_of::<Query>() == 3 * UNIT_BYTES);
    assert!(size_of::<Blocking>() == UNIT_BYTES);
    assert!(size_of::<Slow>() == UNIT_BYTES);
};

/// The bucket of a distance of at least 1: four an octave.
pub fn reuse_bucket(distance: u64) -> usize {
    if distance < 4 {
        return distance as usize;
    }
    let octave = u64::BITS - 1 - distance.leading_zeros();
    let quarter = (distance >> (octave - 2)) & 3;
    (((octave - 1) * 4) as usize + quarter as usize).min(REUSE_BUCKETS - 1)
}

/// The least distance of a bucket.
pub fn reuse_distance(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    (4 + (bucket as u64 & 3)) << (bucket / 4 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_lies_in_its_bucket() {
        for distance in (1..5000).chain([1 << 20, (1 << 30) + 12345]) {
            let bucket = reuse_bucket(distance);
            assert!(reuse_distance(bucket) <= distance, "{distance}");
            assert!(reuse_distance(bucket + 1) > distance, "{distance}");
        }
        assert_eq!(reuse_bucket(u64::MAX), REUSE_BUCKETS - 1);
    }
}
