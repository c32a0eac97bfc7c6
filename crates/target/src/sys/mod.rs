//! The operating system's calls, each behind a safe function. The only home of unsafe code.

mod linux;

pub use linux::raise_descriptor_limit;
pub(crate) use linux::*;
