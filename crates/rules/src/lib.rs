//! Rules about slow Python: one page a rule.
//!
//! A page holds everything about its rule: the manual, where it may apply (*candidate*), what a
//! run must tell (*probe*), what that means (*judge*), the change (*fix*) and its *proof*: a file of
//! Python with every case, and a pair of slow and fast code that is measured on the interpreter
//! in use. Factors never come from a table.
//!
//! Begin reading at `rule` (what a page is), `pages/list_membership` (one) and `check` (how all of
//! them go over a file in one walk).
#![forbid(unsafe_code)]

mod case;
mod check;
mod edits;
mod judge;
mod manual;
mod pages;
mod registry;
mod rule;
mod suppress;
mod words;

pub use case::{Case, Watched, cases, rank};
pub use check::{Checked, Remark, candidates, check};
pub use judge::{Evidence, Needed, Size};
pub use manual::{index, markdown};
pub use registry::{RULES, Selection, UnknownRule, find};
pub use rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Probe, Refusal, Rule};
