//! The operating system's calls, each behind a safe function. The only home of unsafe code.

mod linux;
mod measured;

pub use linux::raise_descriptor_limit;
pub(crate) use linux::*;
pub(crate) use measured::{kill_group, prepare_measured, try_fixed_addresses};
