//! A process seen from outside: its memory, its threads, its files, and the interpreter in it.
//!
//! Nothing here stops the target or writes to it, except [`stop`], which says so. Everything read
//! from a target is hostile by nature: lengths are bounded, lists are capped, and what does not
//! parse is reported, never asserted. Unsafe code lives in the private `sys` module alone.

#[cfg(not(target_os = "linux"))]
compile_error!("processes can be watched on Linux only, not yet on this system");

pub mod affinity;
pub mod clock;
pub mod descriptors;
pub mod image;
pub mod launch;
pub mod live;
pub mod maps;
pub mod permission;
pub mod process;
mod procfs;
pub mod program_file;
pub mod python;
pub mod recorded;
mod robust_list;
pub mod rseq;
pub mod signals;
pub mod spawn;
pub mod stop;
pub mod symbols;
mod sys;
pub mod syscalls;
pub mod threads;
pub mod version;

pub use live::LiveMemory;
pub use procfs::is_gone;
pub use python::{FindError, PythonImage, find_python};
pub use robust_list::robust_list_head;
pub use sys::raise_descriptor_limit;
