//! What a CPython interpreter looks like in memory, as data, and how to walk it.
//!
//! Everything is read through [`Memory`], so the same walkers serve a running process, a core
//! file and recorded memory in a test. Nothing here trusts what it reads: the other side may be
//! broken or hostile, so every length, list and chain is bounded.
#![forbid(unsafe_code)]

mod bounded;
mod bytes;
mod code;
mod debug_offsets;
mod frame;
pub mod layout;
mod linecache;
mod linetable;
mod locals;
mod memory;
mod names;
mod object;
mod opcode_sets;
pub mod opcodes;
mod runtime;
pub mod self_described;
mod snapshot;
pub mod tables;
mod text;
pub mod version;

pub use code::{Code, Fingerprint, read_fingerprint};
pub use frame::{RawFrame, WalkEnd, walk, walk_from};
pub use layout::Layout;
pub use linecache::linecache_texts;
pub use linetable::line_at;
pub use locals::locals;
pub use memory::{Memory, ReadError, Slice};
pub use names::thread_names;
pub use object::{ReprLimits, repr};
pub use runtime::{
    Gil, Interpreter, MAX_THREAD_BYTES, ThreadState, gc_collecting_address, interpreter_of,
    interpreters, is_code, is_finalizing, layout_fits, native_id_of, pthread_of,
    thread_prefix_bytes, threads, threads_head,
};
pub use snapshot::Snapshot;
pub use text::{read_bytes, read_c_str, read_str};
