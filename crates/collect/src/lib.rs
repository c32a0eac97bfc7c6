//! A running program becomes a Profile.
//!
//! This is the only room that knows both a process and the Profile. [`record`] starts or attaches
//! to a program and samples it; readers on the target's own CPUs copy addresses
//! (`process_reader`), the collector gives them names and states (`member`), and everything
//! measured lands in one [`pitstop_model::Profile`].
#![forbid(unsafe_code)]

mod batch;
mod burst;
mod classify;
mod clock;
mod code_watch;
mod control;
mod cpu_wait;
mod curve;
mod dump;
mod family;
mod governor;
mod group;
mod host;
mod interpreter;
pub mod lines;
mod member;
mod names;
mod observe;
mod paths;
mod process_reader;
mod record;
mod resolve;
mod sampler;
mod sequence_lock;
mod source;
mod thread_reader;
mod threads;
mod trace;

pub use dump::{DumpOptions, dump};
pub use interpreter::AttachError;
pub use observe::{Entry, ObserveError, Observed, Rerun, Sighting, Site, TypeSeen, observe};
pub use pitstop_target::spawn::SpawnError;
pub use record::{Launch, Options, Progress, RecordError, Recording, Subject, record};
pub use sampler::Way;
pub use trace::{TraceError, TraceOptions, Traced, Watch, trace};
