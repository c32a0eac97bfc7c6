//! The `.pit` file: a recording on disk, append-only, checksummed, recoverable.
//!
//! A recorder must survive what happens to programs under measurement: the machine runs out of
//! disk, someone presses Ctrl-C twice, the kernel kills the whole group. So a file is a chain of
//! small whole records, each of which adds what is new since the last one; whatever cuts the chain,
//! everything before the cut is a valid profile. Writing holds only what is new, and reading
//! believes no length before it has checked it.
//!
//! ```no_run
//! use pitstop_archive::{Detail, Writer, read};
//! use pitstop_model::Profile;
//!
//! # fn main() -> Result<(), pitstop_archive::Error> {
//! let profile = Profile::default(); // grows while recording
//! let mut pending = Vec::new(); // samples since the last flush
//! let mut writer = Writer::create("run.pit".as_ref())?;
//! writer.append(&profile, &mut pending)?; // once a second or so
//! writer.finish(&profile, &mut pending)?;
//! let loaded = read("run.pit".as_ref(), Detail::Totals)?;
//! assert!(loaded.complete);
//! # Ok(())
//! # }
//! ```
//!
//! Who does what: `open` tells archives from other files and picks the version; `v1` is the format
//! itself, kept readable for ever; `record` frames and checks; `column` writes numbers small.
#![forbid(unsafe_code)]

mod column;
mod error;
mod open;
mod reader;
mod record;
mod sink;
mod v1;
mod writer;

pub use error::Error;
pub use open::{read, read_from};
pub use reader::{Detail, Loaded};
pub use sink::Sink;
pub use writer::{Writer, save};
