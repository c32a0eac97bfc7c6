//! The Profile: everything Pitstop measures, written down as a *cost at a place*.
//!
//! This room is plain data and its laws. It does no I/O, reads no clock and contains no unsafe
//! code. Collectors pour into a [`Profile`]; analyses, views and exports read one and never need
//! to know where it came from.
//!
//! The tables only grow, and an entry never changes once another entry points at it: that is what
//! lets the archive append a recording to disk while it is still going on.
#![forbid(unsafe_code)]

mod dump;
mod id;
mod meta;
mod places;
mod profile;
mod series;
mod source;
mod state;
mod strings;
mod timeline;
mod trials;
mod verdict;

pub use dump::{Dump, DumpFrame, DumpThread, DumpWait};
pub use id::{
    FileId, FrameId, FunctionId, Id, ProcessId, RowId, StackId, StringId, ThreadId, WaitId,
};
pub use meta::{ExitStatus, Meta, Method, Quality, RateChange, Reading};
pub use places::{File, FileKind, Frame, Function, Places, Stack};
pub use profile::{BrokenLaw, Profile};
pub use series::{Moment, Row, Series};
pub use source::{SourceOrigin, SourceText, Sources};
pub use state::{Descriptor, ThreadState, Wait};
pub use strings::Strings;
pub use timeline::{CurvePoint, Process, Thread, Timeline};
pub use trials::{Batch, Benchmark, Clock, Layout, Room, Run, Structure, Subject, Trials};
pub use verdict::{Reason, Verdict, VerdictTotals};
