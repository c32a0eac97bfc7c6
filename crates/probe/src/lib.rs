//! The part of Pitstop that runs inside a program: counts and times its calls and lines.
//!
//! It is one small library for CPython 3.8 to 3.15, glibc and musl: no standard library, no
//! libpython, every function of the interpreter looked up by name ([`api`]). Loaded as an
//! extension module by the `sitecustomize` of the room `collect`, it writes into a shared mapping
//! of a file ([`arena`]) what `pitstop-wire` describes, and reports to nobody.
//!
//! ```text
//! module      what the bootstrap in Python may call
//! monitor     events of sys.monitoring (3.12 and later)   \   calls      the tree of call paths
//! legacy      events of the profile hook (up to 3.11)     /   lines      lines of chosen functions
//! line_hook   events of the trace hook (up to 3.11): lines for a program that traces itself too
//! greenlets   stacks that take turns in one thread
//! evidence    arguments of chosen functions, statements, what blocks event loops
//! threads     whose tree it is        callables  what was called, by content
//! names       what threads are called
//! table waits                         what is looked up often, in private memory
//! ```
//!
//! Rules. Everything here runs with the GIL held, which is the only lock. In a hook nothing is
//! allocated from the program, no reference is taken and no Python runs; what finds no room is
//! counted. Nothing panics. Built by the build script of `collect` with plain `rustc`; as a
//! package it exists for the linter and for its tests.
#![no_std]

mod api;
mod arch;
mod arena;
mod calibration;
mod callables;
mod calls;
mod evidence;
mod fork;
mod greenlets;
mod legacy;
mod line_hook;
mod lines;
mod module;
mod monitor;
mod names;
mod object;
mod state;
mod system;
mod table;
mod threads;
mod waits;

pub use module::PyInit_pitstop_probe;

/// Nothing here panics; if it did, the program must not go on with half of an event.
#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    arch::stop()
}
