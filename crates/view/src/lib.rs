//! One file per picture: answers of `analysis` as text for terminals, and as JSON.
//!
//! This room computes no cost and asks no terminal: a [`Style`] says what the caller found out
//! about colour, characters and width. Every rendered line fits that width, and nothing a program
//! calls itself (names, paths, source) can reach the terminal as a control sequence. What other
//! programs fixed to the byte ([`line_times`], [`calls`]) is as wide as they made it.
#![forbid(unsafe_code)]

pub mod calls;
pub mod doctor;
pub mod dump;
pub mod evidence;
pub mod findings;
pub mod gate;
pub mod headline;
pub mod history;
pub mod imports;
pub mod json;
mod legend;
pub mod line_times;
pub mod lines;
pub mod next;
mod paint;
pub mod proof;
pub mod repair;
pub mod scale;
pub mod trace;
pub mod tree;
pub mod trials;
pub mod verdict;
mod words;

pub use paint::{Style, number};

#[cfg(test)]
mod cases;
#[cfg(test)]
mod laws;
