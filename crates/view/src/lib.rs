//! One file per picture: answers of `analysis` as text for terminals, and as JSON.
//!
//! This room computes no cost and asks no terminal: a [`Style`] says what the caller found out
//! about colour, characters and width. Every rendered line fits that width, and nothing a program
//! calls itself (names, paths, source) can reach the terminal as a control sequence.
#![forbid(unsafe_code)]

pub mod doctor;
pub mod dump;
pub mod headline;
pub mod json;
mod legend;
pub mod lines;
pub mod next;
mod paint;
pub mod tree;
pub mod trials;
pub mod verdict;
mod words;

pub use paint::{Style, number};

#[cfg(test)]
mod cases;
#[cfg(test)]
mod laws;
