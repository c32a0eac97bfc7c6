//! The file between the probe, which writes it inside the program, and the collector, which reads
//! it from outside, during the run or after it.
//!
//! ```text
//! unit 0        FIRST_UNIT
//! | Header      | Thread | Callable | text | Node | Node | Cold | ...        -> used_units
//! ```
//!
//! Everything lies in *units* of 64 bytes behind a page with the [`Header`], and everything is
//! named by the number of its first unit; 0, where the header is, means "none". The file is
//! mapped shared and written in place, so it is whole at every moment and whatever ends the
//! program; nobody flushes. It only grows, and whatever is linked from an entry is older than it:
//! a reader that insists on that ([`Trace`]) cannot be led in a circle.
//!
//! All numbers are little-endian, like every system the probe is built for.
#![cfg_attr(not(test), no_std)]

mod evidence;
mod layout;
mod read;
mod settings;

#[cfg(target_endian = "big")]
compile_error!("the probe's file is little-endian");

pub use evidence::{
    Blocking, Evidence, KeyRecord, OVERFLOW_KEYS, Query, REGISTERS, REUSE_BUCKETS, Slow, Watched,
    key, query, reuse_bucket, reuse_distance, watched,
};
pub use layout::{
    Calibration, Callable, Cold, FIRST_UNIT, FORMAT, Header, Kind, LineFrame, LineRecord, Lost,
    MAGIC, Node, SITE_BITS, SITE_SHIFT, SpanRecord, Text, Thread, TimedCode, UNIT_BYTES, flag,
};
pub use read::{Damage, Trace};
pub use settings::{Offsets, SETTINGS_BYTES, Settings, option};
