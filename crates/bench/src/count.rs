//! Counting what one repetition does: numbers that need no clock and no statistics.
//!
//! A count is taken in several processes, each with a hash seed of its own, since the order of sets
//! decides how much some programs do. The same seeds are used for every contender, so two of them
//! can be held against each other process by process.

use crate::channel::Channel;
use crate::error::Error;
use crate::job::{Contender, Work};
use crate::player::Ground;
use crate::session::{Control, Stop};
use pitstop_model::Layout;
use std::path::PathBuf;

/// The hash seeds. Any will do, as long as both sides of a comparison get the same.
const SEEDS: [u32; 3] = [1, 2, 3];

/// The most functions or modules that are read of one answer.
const MOST_LINES: usize = 20_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Instructions of Python that one repetition executes, in all threads; of a script, those of
    /// its whole run. Without those of the import system, whose work depends on what lies in
    /// directories.
    Bytecodes,
    /// Bytes that Python's allocators had out at once during one repetition, beyond those before
    /// it (`tracemalloc`).
    Memory,
    /// Calls of Python's allocators that give memory, in one repetition: malloc, calloc and
    /// realloc. On x86_64 only, see [`Counting::is_possible`].
    Allocations,
    /// Modules that a function's module, a statement or a script brings in.
    Imports,
}

impl Counting {
    /// Whether it can be counted on this machine: allocations take machine code.
    pub fn is_possible(self) -> bool {
        self != Self::Allocations || cfg!(target_arch = "x86_64")
    }

    fn key(self) -> &'static str {
        match self {
            Self::Allocations => "allocations",
            Self::Bytecodes => "bytecodes",
            Self::Memory => "memory",
            Self::Imports => "imports",
        }
    }
}

/// A function, and how many instructions it executed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The line that it begins in.
    pub line: u32,
    /// Its file; a name in angle brackets for code without one.
    pub file: String,
    /// Its name.
    pub name: String,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// One number a process; all equal if hash seeds make no difference.
    pub values: Vec<u64>,
    /// Functions by instructions, in the last process.
    pub functions: Vec<Counted>,
    /// Where the function's module lies; for imports only.
    pub home: Option<PathBuf>,
    /// Modules, in the last process, those that need others before those.
    pub modules: Vec<String>,
}

/// Counts what one repetition does.
///
/// # Errors
/// See [`Error`]. A command cannot be looked into and gives [`Error::Opaque`].
pub fn count(
    contender: &Contender,
    counting: Counting,
    control: &mut dyn Control,
) -> Result<Counts, Error> {
    let (kind, setup, text) = match &contender.work {
        Work::Function { setup, target } => ("function", setup.as_str(), target.clone()),
        Work::Statement { setup, text } => ("statement", setup.as_str(), text.clone()),
        Work::Script { words } => {
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            ("script", "", words.join("\0"))
        }
        Work::Command { .. } | Work::Case { .. } => {
            return Err(Error::Opaque {
                name: contender.name.clone(),
            });
        }
    };
    let ground = Ground::new(false, false)?;
    let stop = Stop::new(control);
    let mut counts = Counts::default();
    // The first process also compiles what has no compiled form yet; it counts for nothing.
    for hash_seed in std::iter::once(SEEDS[0]).chain(SEEDS) {
        let layout = Layout {
            hash_seed,
            ..Layout::default()
        };
        let fields = [counting.key(), kind, setup, &text];
        let guest = ground.counter(contender, &layout, &stop, &fields)?;
        let values = std::mem::take(&mut counts.values);
        counts = read(guest)?;
        counts.values.splice(0..0, values);
    }
    counts.values.remove(0);
    Ok(counts)
}

/// What one process counted.
fn read(mut guest: Channel<'_>) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for _ in 0..MOST_LINES {
        let line = guest.line()?;
        if line == "end" {
            break;
        }
        if take(&line, &mut counts).is_none() {
            return Err(guest.garbled(&line));
        }
    }
    if counts.values.len() != 1 {
        return Err(guest.garbled("no number"));
    }
    guest.finish()?;
    Ok(counts)
}

/// Takes a line in.
fn take(line: &str, counts: &mut Counts) -> Option<()> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "n" => counts.values.push(rest.parse().ok()?),
        "f" => counts.functions.push(function(rest)?),
        "m" => counts.modules.push(rest.to_owned()),
        "h" => counts.home = Some(rest.into()),
        _ => return None,
    }
    Some(())
}

/// `COUNT LINE <tab> FILE <tab> NAME`
fn function(text: &str) -> Option<Counted> {
    let mut fields = text.splitn(3, '\t');
    let (count, line) = fields.next()?.split_once(' ')?;
    Some(Counted {
        count: count.parse().ok()?,
        line: line.parse().ok()?,
        file: fields.next()?.to_owned(),
        name: fields.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_read_with_its_spaces() {
        let known = function("12 3\t/a b/c.py\tf.<locals>.g").expect("it is one");
        assert_eq!((known.count, known.line), (12, 3));
        assert_eq!(
            (known.file.as_str(), known.name.as_str()),
            ("/a b/c.py", "f.<locals>.g")
        );
        assert_eq!(function("12\t3"), None);
    }

    #[test]
    fn answers_are_taken_in_and_strange_ones_are_not() {
        let mut counts = Counts::default();
        for line in ["n 7", "m a.b", "h /x y/a.py"] {
            assert_eq!(take(line, &mut counts), Some(()), "{line}");
        }
        assert_eq!(
            (counts.values.as_slice(), counts.modules.len()),
            ([7].as_slice(), 1)
        );
        assert_eq!(counts.home, Some("/x y/a.py".into()));
        for line in ["n", "n -1", "x 1", "", "f 1"] {
            assert_eq!(take(line, &mut counts), None, "{line}");
        }
    }
}
