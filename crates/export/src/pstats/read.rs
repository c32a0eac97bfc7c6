//! Reads the files that `cProfile`, `profile` and Python 3.15's sampler dump.
//!
//! Callers are tuples of four numbers, or one number in files of samplers and of the old `profile`.
//! The key `("__sampled__",)` marks a sampler's file. Keys that come twice count once, with the last
//! value, as in any dict.

use crate::marshal::{Flaw, Read, read as read_value};
use pitstop_analysis::CallTable;
use pitstop_analysis::calls::{Caller, FunctionCalls, Label};
use rustc_hash::FxHashMap;
use std::rc::Rc;
use thiserror::Error;

/// The least bytes that a caller of one function takes in a file. Dicts that are named again and
/// again could make more of them than a machine holds.
const CALLER_BYTES: usize = 10;

/// How many times the size of a file the names in it may come to, where each function and each caller
/// is counted with its whole name. Names that are named again make it more than one; paths of a
/// thousand characters make it forty.
const NAMES_PER_BYTE: usize = 100;

/// Why the bytes of a file are not those of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfError {
    /// There are none.
    #[error("it is empty: the program was killed before its profile was written, or never ended")]
    Empty,
    /// They end too early.
    #[error("it is cut short after {0} bytes: its writing was interrupted, or its disk was full")]
    Cut(usize),
    /// They are nothing that `marshal` wrote.
    #[error("it is no file of cProfile (byte {offset}: {what})")]
    Foreign {
        /// Where, in bytes from the start.
        offset: usize,
        /// What is there.
        what: &'static str,
    },
    /// `marshal` wrote them, but they are no profile.
    #[error("it holds Python data, but no profile: {0}")]
    NoProfile(&'static str),
}

impl From<Flaw> for ProfError {
    fn from(flaw: Flaw) -> Self {
        if flaw.is_cut {
            return Self::Cut(flaw.offset);
        }
        Self::Foreign {
            offset: flaw.offset,
            what: flaw.what,
        }
    }
}

type Result<T> = std::result::Result<T, ProfError>;

/// True if a file that begins with these bytes is meant to be a `.prof` file: a dict whose first
/// key is a tuple, or that is empty. No Python program begins like that.
pub fn looks_like_prof(bytes: &[u8]) -> bool {
    const FLAG_REF: u8 = 0x80;
    let code = |at: usize| bytes.get(at).map(|byte| byte & !FLAG_REF);
    match (code(0), code(1)) {
        (Some(b'{'), Some(b'(')) => {
            bytes.get(2..6) == Some(&[3, 0, 0, 0][..]) || bytes.get(2..6) == Some(&[1, 0, 0, 0][..])
        }
        (Some(b'{'), Some(b')')) => matches!(bytes.get(2), Some(1 | 3)),
        (Some(b'{'), Some(b'0')) => bytes.len() == 2,
        _ => false,
    }
}

/// Reads the content of a `.prof` file.
///
/// # Errors
/// [`ProfError`] when it is none, or not whole.
pub fn read_prof(bytes: &[u8]) -> Result<CallTable> {
    if bytes.is_empty() {
        return Err(ProfError::Empty);
    }
    let Read::Dict(entries) = read_value(bytes)? else {
        return Err(ProfError::NoProfile("it is not a dict"));
    };
    let mut reader = Reader {
        callers_left: bytes.len() / CALLER_BYTES,
        names_left: bytes.len() * NAMES_PER_BYTE,
    };
    let mut is_sampled = false;
    let mut functions: Vec<FunctionCalls> = Vec::new();
    let mut known: FxHashMap<Label, usize> = FxHashMap::default();
    for (key, value) in entries.iter() {
        if is_mark(key) {
            is_sampled = true;
            continue;
        }
        let function = reader.function(key, value)?;
        match known.get(&function.label) {
            Some(&at) => functions[at] = function,
            None => {
                known.insert(function.label.clone(), functions.len());
                functions.push(function);
            }
        }
    }
    let mut table = CallTable::default();
    table.is_sampled = is_sampled;
    for function in functions {
        table.add(function);
    }
    Ok(table)
}

/// The key by which Python 3.15 marks what its sampler wrote.
fn is_mark(key: &Read) -> bool {
    let Read::Tuple(parts) = key else {
        return false;
    };
    matches!(&parts[..], [Read::Text(text)] if &**text == "__sampled__")
}

struct Reader {
    /// How many more callers there can be in a file of this size.
    callers_left: usize,
    /// How many more bytes of names there can be.
    names_left: usize,
}

impl Reader {
    fn function(&mut self, key: &Read, value: &Read) -> Result<FunctionCalls> {
        const WHAT: &str = "a function has other numbers than calls and times";
        let parts = tuple(value).ok_or(ProfError::NoProfile(WHAT))?;
        let [primitive, calls, own, total, callers] = &parts[..] else {
            return Err(ProfError::NoProfile(WHAT));
        };
        Ok(FunctionCalls {
            label: self.label(key)?,
            primitive: count(primitive)?,
            calls: count(calls)?,
            own_s: seconds(own)?,
            total_s: seconds(total)?,
            callers: self.callers(callers)?,
        })
    }

    fn callers(&mut self, value: &Read) -> Result<Vec<(Label, Caller)>> {
        let Read::Dict(entries) = value else {
            return Err(ProfError::NoProfile(
                "the callers of a function are no dict",
            ));
        };
        let left = self.callers_left.checked_sub(entries.len());
        self.callers_left = left.ok_or(ProfError::NoProfile("it has more callers than bytes"))?;
        let mut callers: Vec<(Label, Caller)> = Vec::with_capacity(entries.len());
        let mut known: FxHashMap<Label, usize> = FxHashMap::default();
        for (key, value) in entries.iter() {
            let (label, caller) = (self.label(key)?, caller(value)?);
            match known.get(&label) {
                Some(&at) => callers[at].1 = caller,
                None => {
                    known.insert(label.clone(), callers.len());
                    callers.push((label, caller));
                }
            }
        }
        Ok(callers)
    }

    fn label(&mut self, key: &Read) -> Result<Label> {
        let parts = tuple(key).map(|parts| &parts[..]);
        let Some([Read::Text(file), Read::Int(line), Read::Text(name)]) = parts else {
            return Err(ProfError::NoProfile(
                "a function is not named by file, line and name",
            ));
        };
        let left = self.names_left.checked_sub(file.len() + name.len());
        self.names_left = left.ok_or(ProfError::NoProfile("its names are too long"))?;
        Ok(Label {
            file: file.clone(),
            line: i64::try_from(*line)
                .map_err(|_| ProfError::NoProfile("a line number exceeds 64 bits"))?,
            name: name.clone(),
        })
    }
}

fn tuple(value: &Read) -> Option<&Rc<Vec<Read>>> {
    match value {
        Read::Tuple(parts) => Some(parts),
        _ => None,
    }
}

fn caller(value: &Read) -> Result<Caller> {
    match tuple(value).map(|parts| &parts[..]) {
        None => Ok(Caller::Count(count(value)?)),
        // All calls come first here; in the entry of a function the primitive ones do.
        Some([calls, primitive, own, total]) => Ok(Caller::Timed {
            calls: count(calls)?,
            primitive: count(primitive)?,
            own_s: seconds(own)?,
            total_s: seconds(total)?,
        }),
        Some(_) => Err(ProfError::NoProfile("a caller has not four numbers")),
    }
}

fn count(value: &Read) -> Result<u64> {
    match value {
        Read::Int(count) => u64::try_from(*count)
            .map_err(|_| ProfError::NoProfile("a count is negative or exceeds 64 bits")),
        Read::Bool(one) => Ok(u64::from(*one)),
        _ => Err(ProfError::NoProfile("a count is no whole number")),
    }
}

fn seconds(value: &Read) -> Result<f64> {
    match value {
        Read::Float(seconds) => Ok(*seconds),
        #[expect(clippy::cast_precision_loss, reason = "Python adds it to floats too")]
        Read::Int(seconds) => Ok(*seconds as f64),
        _ => Err(ProfError::NoProfile("a time is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prof_bytes;
    use proptest::prelude::*;

    fn a_label() -> impl Strategy<Value = Label> {
        ("[~a-cé/]{0,6}", -2..9i64, "[a-z<>é]{0,5}").prop_map(|(file, line, name)| Label {
            file: file.into(),
            line,
            name: name.into(),
        })
    }

    fn a_count() -> impl Strategy<Value = u64> {
        prop_oneof![0..9u64, Just(1 << 31), any::<u64>()]
    }

    fn a_time() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), 0.0..1e9, Just(f64::INFINITY)]
    }

    fn a_caller() -> impl Strategy<Value = Caller> {
        prop_oneof![
            a_count().prop_map(Caller::Count),
            (a_count(), a_count(), a_time(), a_time()).prop_map(
                |(calls, primitive, own_s, total_s)| Caller::Timed {
                    calls,
                    primitive,
                    own_s,
                    total_s,
                }
            ),
        ]
    }

    fn a_function() -> impl Strategy<Value = FunctionCalls> {
        let numbers = (a_count(), a_count(), a_time(), a_time());
        let callers = prop::collection::btree_map(a_label(), a_caller(), 0..4);
        (a_label(), numbers, callers).prop_map(|(label, numbers, callers)| FunctionCalls {
            label,
            primitive: numbers.0,
            calls: numbers.1,
            own_s: numbers.2,
            total_s: numbers.3,
            callers: callers.into_iter().collect(),
        })
    }

    fn a_table() -> impl Strategy<Value = CallTable> {
        let functions = prop::collection::vec(a_function(), 0..8);
        (any::<bool>(), functions).prop_map(|(is_sampled, functions)| {
            let mut table = CallTable::default();
            table.is_sampled = is_sampled;
            functions
                .into_iter()
                .for_each(|function| table.add(function));
            table
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(table in a_table()) {
            let bytes = prof_bytes(&table);
            let read = read_prof(&bytes).expect("we wrote it");
            prop_assert_eq!(read.functions(), table.functions());
            prop_assert_eq!(read.is_sampled, table.is_sampled);
            prop_assert!(looks_like_prof(&bytes));
        }

        #[test]
        fn forged_bytes_do_no_harm(
            table in a_table(),
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = prof_bytes(&table);
            for (at, value) in hits {
                *at.get_mut(&mut bytes) = value;
            }
            let _ = read_prof(&bytes);
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_prof(&bytes);
        }
    }

    /// `{("a", 1, "f"): (1, 2, 0.5, 1.5, {("b", 2, "g"): (2, 1, 0.5, 1.5)})}`, as marshal version
    /// 4 of CPython 3.13 has it: with values that are named again.
    const VERSION_4: &[u8] =
        b"{)\x03\xda\x01a\xe9\x01\0\0\0\xda\x01f)\x05r\x01\0\0\0\xe9\x02\0\0\0\
        g\0\0\0\0\0\0\xe0?g\0\0\0\0\0\0\xf8?{)\x03\xda\x01br\x03\0\0\0\xda\x01g)\x04r\x03\0\0\0\
        r\x01\0\0\0g\0\0\0\0\0\0\xe0?g\0\0\0\0\0\0\xf8?00";

    #[test]
    fn a_file_cut_anywhere_is_said_to_be_cut() {
        let table = read_prof(VERSION_4).expect("CPython wrote it");
        let function = &table.functions()[0];
        assert_eq!(function.label.to_string(), "a:1(f)");
        assert_eq!((function.primitive, function.calls), (1, 2));
        let timed = Caller::Timed {
            calls: 2,
            primitive: 1,
            own_s: 0.5,
            total_s: 1.5,
        };
        assert_eq!(function.callers[0].1, timed);
        assert_eq!(read_prof(b"").err(), Some(ProfError::Empty));
        for length in 1..VERSION_4.len() {
            let cut = read_prof(&VERSION_4[..length]).err();
            assert_eq!(cut, Some(ProfError::Cut(length)));
        }
    }

    #[test]
    fn python_data_that_is_no_profile_is_told_from_it() {
        let what = |bytes: &[u8]| read_prof(bytes).expect_err("no profile").to_string();
        assert_eq!(
            what(b"i\x01\0\0\0"),
            "it holds Python data, but no profile: it is not a dict"
        );
        assert_eq!(
            what(b"{z\x01ai\x01\0\0\x000"),
            "it holds Python data, but no profile: a function has other numbers than calls and times"
        );
        assert_eq!(
            what(b"#!/usr/bin/python"),
            "it is no file of cProfile (byte 0: holds a kind of value that no profile has)"
        );
        assert!(!looks_like_prof(b"{1: 2}\n") && !looks_like_prof(b"{(1, 2): 3}"));
    }

    #[test]
    fn callers_that_are_named_again_cannot_multiply() {
        // One dict of 200 callers, which 200 functions name as theirs.
        let label = |n: u8| [b")\x03z\x01ai\x01\0\0\0z\x01", &[n][..]].concat();
        let numbers = b")\x05i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0";
        let mut bytes = b"{".to_vec();
        for n in 0..200 {
            bytes.extend(label(n));
            bytes.extend(numbers);
            if n == 0 {
                bytes.push(b'{' | 0x80);
                for n in 0..200 {
                    bytes.extend(label(n));
                    bytes.extend(b"i\x01\0\0\0");
                }
                bytes.push(b'0');
            } else {
                bytes.extend(b"r\0\0\0\0");
            }
        }
        bytes.push(b'0');
        let error = read_prof(&bytes).expect_err("it is forged").to_string();
        assert!(error.ends_with("it has more callers than bytes"), "{error}");

        // One long name, which many functions have.
        let mut bytes = [&b"{)\x03\xf5"[..], &5000u32.to_le_bytes(), &[b'a'; 5000]].concat();
        bytes.extend(b"i\0\0\0\0z\0");
        bytes.extend(numbers);
        bytes.extend(b"{0");
        for line in 1..3000u32 {
            bytes.extend(b")\x03r\0\0\0\0i");
            bytes.extend(line.to_le_bytes());
            bytes.extend(b"z\0");
            bytes.extend(numbers);
            bytes.extend(b"{0");
        }
        bytes.push(b'0');
        let error = read_prof(&bytes).expect_err("it is forged").to_string();
        assert!(error.ends_with("its names are too long"), "{error}");
    }
}
