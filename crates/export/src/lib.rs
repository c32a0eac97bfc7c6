//! A profile in the formats of other tools: one file per foreign format.
//!
//! A profile is worth more where its reader already works, be that `go tool pprof`, speedscope, a
//! script around `pstats`, or a picture in a pull request. Each format is written from its own
//! specification and knows that format's pitfalls; what the formats share is small:
//!
//! ```text
//! format      which formats there are, and which one a file name asks for
//! selection   which samples are exported: wall time, running time, GIL time
//! place       a step of an exported stack, including what could not be read
//! names       what threads and processes are called
//! amount      durations, shares and counts in words
//!
//! graph       functions and their edges, for the formats that know no paths
//!
//! collapsed  speedscope  pprof  pstats (+ marshal)  flame (layout + svg)  json
//! lprof (+ unpickle): timed lines, which is also read
//! callgrind  dot  chrome
//! findings: what rules say, as Markdown, annotations, SARIF, JUnit
//! scale: the growth of time with size, as SVG
//! gate: budgets, as Markdown, annotations, SARIF, JUnit
//! ```
//!
//! Two promises hold for every format. The sum of what is written is the sum of the selected
//! samples: a stack that could not be read becomes a place that says so, and its time stays in.
//! And the same profile gives the same bytes, so exports can be compared and kept in tests.
#![forbid(unsafe_code)]

mod amount;
mod callgrind;
mod chrome;
mod collapsed;
mod dot;
pub mod findings;
mod flame;
mod format;
pub mod gate;
mod graph;
mod json;
mod lprof;
mod marshal;
mod names;
mod place;
mod pprof;
mod pstats;
mod scale;
mod selection;
mod speedscope;
pub mod trials;
mod unpickle;
mod write;
mod xml;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod traced;

pub use format::Format;
pub use json::SCHEMA as JSON_SCHEMA;
pub use lprof::{LprofError, read_lprof};
pub use pstats::{ProfError, looks_like_prof, prof_bytes, read_prof};
pub use scale::svg as scale_svg;
pub use selection::{Granularity, Options, Selection};
pub use unpickle::PickleError;
pub use write::{Error, TABLE_FORMATS, write, write_file, write_table_file};
