//! The Profile: everything Pitstop measures, written down as a *cost at a place*.
//!
//! This room is plain data and its laws. It does no I/O, reads no clock and contains no unsafe
//! code. Collectors pour into a [`Profile`]; analyses, views and exports read one and never need
//! to know where it came from.
//!
//! The tables only grow, and an entry never changes once another entry points at it: that is what
//! lets the archive append a recording to disk while it is still going on.
#![forbid(unsafe_code)]

mod arguments;
mod blocking;
mod calls;
mod date;
mod dump;
mod evidence;
mod findings;
mod id;
mod lines;
mod meta;
mod places;
mod profile;
mod queries;
mod series;
mod source;
mod spans;
mod state;
mod strings;
mod timeline;
mod trials;
mod verdict;

pub use arguments::{Arguments, RepeatedArguments, Reuse, WatchedFunction};
pub use blocking::{BlockingCall, EventLoops, SlowCallback};
pub use calls::{CallCost, CallPath, Calls};
pub use date::Date;
pub use dump::{Dump, DumpFrame, DumpThread, DumpWait};
pub use findings::{
    EvidenceKind, Finding, Findings, FixClass, Interval, Judgement, Place, Remedy, Replacement,
    RuleName, Seen,
};
pub use id::{
    CallId, FileId, FrameId, FunctionId, Id, ProcessId, RowId, StackId, StringId, ThreadId, WaitId,
};
pub use lines::{LineCost, LineTimes, TimedFunction};
pub use meta::{ExitStatus, Meta, Method, Quality, RateChange, Reading};
pub use places::{File, FileKind, Frame, Function, Places, Stack};
pub use profile::{BrokenLaw, Profile};
pub use queries::{Queries, Query};
pub use series::{Moment, Row, Series};
pub use source::{SourceOrigin, SourceText, Sources};
pub use spans::{Span, Spans};
pub use state::{Descriptor, ThreadState, Wait};
pub use strings::Strings;
pub use timeline::{CurvePoint, Process, Thread, Timeline};
pub use trials::{Batch, Benchmark, Clock, Layout, Room, Run, Structure, Subject, Trials};
pub use verdict::{Reason, Verdict, VerdictTotals};
