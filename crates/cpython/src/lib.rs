//! What a CPython interpreter looks like in memory, as data, and how to walk it.
//!
//! Everything is read through [`Memory`], so the same walkers serve a running process, a core
//! file and recorded memory in a test. Nothing here trusts what it reads: the other side may be
//! broken or hostile, so every length, list and chain is bounded.
#![forbid(unsafe_code)]

pub mod layout;
