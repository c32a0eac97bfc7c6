//! Version 1 of the format: what a record says, written and read side by side.
//!
//! ```text
//! file     │ "PITSTOP" 01 │ delta │ delta │ ... │ delta │ end │
//!
//! delta    │ section │ section │ ...                 (record kind 1; framing: `record`)
//! section  │ tag u8 │ length varint │ body │         tags ascend within a delta; none is empty
//! end      │ samples varint │ deltas varint │        (record kind 2; totals, to check)
//!
//! tag  body = │ entries varint n │ columns of n ... │
//!   1  texts       length │ then all bytes
//!   2  files       path, short, kind
//!   3  functions   name, qualname, file, first line
//!   4  frames      function, line
//!   5  stacks      parent + 1, frame
//!   6  waits       syscall, fd, descriptor, name
//!   7  processes   index, pid, parent + 1, command, python, start, ended?, end, exit, status
//!   8  threads     index, process, tid, name, main?, start, end
//!   9  rows        thread, stack + 1, state, wait + 1, verdict
//!  10  curve       time, rss, cpu
//!  11  sources     file, origin, length │ then all bytes
//!  12  moments     see `moments`
//!  13  untimed     row, samples, weight              samples whose time was not kept
//!  14  meta        no columns, see `meta`            the last one holds
//!  15  calls       index, thread, stack, calls, resumptions, raised, self, raw self, waited
//!  16  timed       index, function, calls            functions whose lines were timed
//!  17  lines       index in 16, line, hits, self, inclusive, waited
//!  18  spans       thread, stack, start, duration
//!  19  losses      no columns: calls, lines, spans   the last one holds
//!  30  watched     function, flags, calls, raised, distinct, hits, time, repeats, and 7 more, see `evidence`
//!  31  repeated    index in 30, text + 1, calls, time, repeats, differed
//!  32  reuse       index in 30, distance, calls
//!  33  queries     text, driver, place + 1, caller + 1, flags, count, time, and 7 more, see `evidence`
//!  34  blocking    text, place + 1, count, time, longest
//!  35  slow        text, function + 1, count, time, longest, blocked
//!  36  totals      no columns: see `evidence`        the last one holds
//!  40  benchmarks  see `trials`
//!  41  runs        see `trials`
//!  42  room        no columns, see `trials`          the last one holds
//!  43  units       see `trials`
//! ```
//!
//! Tables only grow, so a delta names no positions: its entries follow those of the deltas before.
//! Processes, threads and the costs of calls and lines change and are written again under their index. Entries only point to
//! what comes earlier in the file, so every whole prefix of a file is a lawful profile.
//!
//! Additions to this version are new tags: a reader passes over tags it does not know and says so.
//! A change to what is there is version 2, in a file beside this one, and this one stays.

mod decode;
mod encode;
mod evidence;
mod meta;
mod moments;
mod tables;
mod traced;
mod trials;

pub(crate) use decode::read;
pub(crate) use encode::{Delta, News, Written, encode, end};
pub(crate) use tables::Untimed;

/// A record that adds to the profile.
pub(crate) const DELTA: u8 = 1;
/// The record of a clean finish.
pub(crate) const END: u8 = 2;

/// The most entries of one table, or moments, in one delta; more go to the next delta. Bounds what
/// a reader allocates for a count that a forged file only claims.
pub(crate) const MAX_ENTRIES: usize = 1 << 16;

/// A delta takes no further texts or sources once it holds this many bytes of them.
const FULL_BYTES: usize = 1 << 20;

/// The most bytes one text may have. A writer refuses more, a source text of more is left out.
pub(crate) const MAX_TEXT_BYTES: usize = 16 << 20;

/// The columns of all tables before tag 15 together.
const COLUMNS: usize = 52;

/// The columns of tag 15 and after. They join a delta that holds less than [`FULL_BYTES`].
const TRACED_COLUMNS: usize = 22;

/// The columns of tag 30 and after, likewise.
const EVIDENCE_COLUMNS: usize = 49;

// Texts and sources one text more than full, and every column at its widest, still fit a record.
const _: () = assert!(
    2 * (FULL_BYTES + MAX_TEXT_BYTES) + COLUMNS * MAX_ENTRIES * 8
        < crate::record::MAX_PAYLOAD_BYTES
);
const _: () =
    assert!(FULL_BYTES + TRACED_COLUMNS * MAX_ENTRIES * 8 < crate::record::MAX_PAYLOAD_BYTES);

const _: () =
    assert!(FULL_BYTES + EVIDENCE_COLUMNS * MAX_ENTRIES * 8 < crate::record::MAX_PAYLOAD_BYTES);

/// The parts of a delta, in the order they are written in: each only points to earlier ones.
mod tag {
    pub(super) const TEXTS: u8 = 1;
    pub(super) const FILES: u8 = 2;
    pub(super) const FUNCTIONS: u8 = 3;
    pub(super) const FRAMES: u8 = 4;
    pub(super) const STACKS: u8 = 5;
    pub(super) const WAITS: u8 = 6;
    pub(super) const PROCESSES: u8 = 7;
    pub(super) const THREADS: u8 = 8;
    pub(super) const ROWS: u8 = 9;
    pub(super) const CURVE: u8 = 10;
    pub(super) const SOURCES: u8 = 11;
    pub(super) const MOMENTS: u8 = 12;
    pub(super) const UNTIMED: u8 = 13;
    pub(super) const META: u8 = 14;
    pub(super) const CALLS: u8 = 15;
    pub(super) const TIMED: u8 = 16;
    pub(super) const LINES: u8 = 17;
    pub(super) const SPANS: u8 = 18;
    pub(super) const LOSSES: u8 = 19;
    pub(super) const WATCHED: u8 = 30;
    pub(super) const REPEATED: u8 = 31;
    pub(super) const REUSE: u8 = 32;
    pub(super) const QUERIES: u8 = 33;
    pub(super) const BLOCKING: u8 = 34;
    pub(super) const SLOW: u8 = 35;
    pub(super) const TOTALS: u8 = 36;
    pub(super) const BENCHMARKS: u8 = 40;
    pub(super) const RUNS: u8 = 41;
    pub(super) const ROOM: u8 = 42;
    pub(super) const UNITS: u8 = 43;
}
