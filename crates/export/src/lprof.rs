//! The files of line_profiler and kernprof: `.lprof`.
//!
//! A pickle of one object of the class `LineStats` (line_profiler 5.1, `line_profiler.py`):
//!
//! ```text
//! timings: {(file, first line, name): [(line, hits, time), ...], ...}
//! unit:    seconds in one unit of those times
//! ```
//!
//! Reading takes every version's files, and merges nothing: that is a question for `analysis`.
//! Writing is one fixed sequence of instructions of protocol 4, which every Python since 3.4 and
//! line_profiler since 5.0 opens.

use crate::unpickle::{Node, Pickle, PickleError, Value};
use pitstop_analysis::{FunctionLines, LineStats, LineTime};
use pitstop_model::Profile;
use std::collections::HashMap;
use std::io::{self, Write};
use thiserror::Error;

/// Where the class has lived: since 5.0, since 3.0, before.
const MODULES: [&str; 3] = [
    "line_profiler.line_profiler",
    "line_profiler._line_profiler",
    "_line_profiler",
];
const CLASS: &str = "LineStats";
/// The most text of file and function names. Names are shared within a file, so that a small one
/// could ask for any amount.
const MAX_NAMES_BYTES: usize = 64 << 20;

/// Why bytes are not a file of line_profiler.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LprofError {
    /// They are no pickle of plain data.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// They are a pickle of something else.
    #[error("it is a pickle of {0}, and not line_profiler's statistics")]
    Foreign(String),
    /// The statistics are not as line_profiler writes them.
    #[error("its statistics are not as line_profiler writes them: {0}")]
    Shape(&'static str),
}

/// Reads a file's bytes. Nothing in it is executed.
///
/// # Errors
/// See [`LprofError`].
pub fn read_lprof(bytes: &[u8]) -> Result<LineStats, LprofError> {
    let pickle = Pickle::read(bytes)?;
    let state = state(&pickle)?;
    let (mut timings, mut unit) = (None, None);
    for &(key, value) in state {
        match text(key).as_deref() {
            Some("timings") => timings = Some(value),
            Some("unit") => unit = Some(value),
            _ => {}
        }
    }
    let unit_s = match unit {
        Some(Value::Float(unit)) if unit.is_finite() && unit > 0.0 => unit,
        Some(Value::Int(unit)) if unit > 0 => unit as f64,
        _ => return Err(LprofError::Shape("the unit is no positive number")),
    };
    let Some(Node::Dict(timings)) = timings.and_then(|timings| pickle.node(timings)) else {
        return Err(LprofError::Shape("the timings are no dict"));
    };
    let mut reader = Reader {
        pickle: &pickle,
        names_left: MAX_NAMES_BYTES,
        // Every line takes a byte at least, so shared lists cannot make more of them.
        lines_left: bytes.len(),
    };
    let mut functions: Vec<FunctionLines> = Vec::new();
    let mut places: HashMap<(String, u32, String), usize> = HashMap::new();
    for &(key, value) in timings {
        let (file, first_line, name) = reader.key(key)?;
        let lines = reader.lines(value)?;
        // A key that comes twice has its first place and its last value, as in any dict.
        let next = functions.len();
        let key = (file.clone(), first_line, name.clone());
        let at = *places.entry(key).or_insert(next);
        if at == next {
            functions.push(FunctionLines {
                file,
                first_line,
                name,
                calls: None,
                lines,
            });
        } else {
            functions[at].lines = lines;
        }
    }
    Ok(LineStats { unit_s, functions })
}

/// The attributes of the object, if it is one of the class.
fn state<'p, 'a>(pickle: &'p Pickle<'a>) -> Result<&'p [(Value<'a>, Value<'a>)], LprofError> {
    let foreign = |what: &str| Err(LprofError::Foreign(what.to_owned()));
    let (class, state) = match pickle.node(pickle.root()) {
        Some(Node::Object { class, state }) => (*class, *state),
        Some(Node::Dict(_)) => return foreign("a dict"),
        Some(Node::List(_) | Node::Tuple(_)) => return foreign("a sequence"),
        _ => return foreign("a plain value"),
    };
    match pickle.node(class) {
        Some(Node::Class { module, name }) if *name == CLASS && MODULES.contains(module) => {}
        Some(Node::Class { module, name }) => {
            // It is shown on a terminal.
            let shown: String = format!("{module}.{name}").escape_debug().take(80).collect();
            return foreign(&format!("`{shown}`"));
        }
        _ => return foreign("an object without a class"),
    }
    match pickle.node(state) {
        Some(Node::Dict(entries)) => Ok(entries),
        _ => Err(LprofError::Shape("it has no attributes")),
    }
}

struct Reader<'p, 'a> {
    pickle: &'p Pickle<'a>,
    names_left: usize,
    lines_left: usize,
}

impl<'a> Reader<'_, 'a> {
    fn tuple(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match self.pickle.node(value) {
            Some(Node::Tuple(parts)) => Some(parts),
            _ => None,
        }
    }

    fn key(&mut self, key: Value<'a>) -> Result<(String, u32, String), LprofError> {
        let wrong = LprofError::Shape("a function is not named by file, line and name");
        let Some(&[file, line, name]) = self.tuple(key) else {
            return Err(wrong);
        };
        let (Some(file), Some(line), Some(name)) = (text(file), number(line), text(name)) else {
            return Err(wrong);
        };
        let line = u32::try_from(line).map_err(|_| wrong)?;
        let length = file.len() + name.len();
        let Some(left) = self.names_left.checked_sub(length) else {
            return Err(LprofError::Shape(
                "its names are longer than 64 MiB together",
            ));
        };
        self.names_left = left;
        Ok((file, line, name))
    }

    fn lines(&mut self, value: Value<'a>) -> Result<Vec<LineTime>, LprofError> {
        let Some(Node::List(entries)) = self.pickle.node(value) else {
            return Err(LprofError::Shape("the lines of a function are no list"));
        };
        let Some(left) = self.lines_left.checked_sub(entries.len()) else {
            return Err(LprofError::Shape("it repeats the lines of functions"));
        };
        self.lines_left = left;
        let line = |&entry: &Value<'a>| {
            let &[line, hits, time] = self.tuple(entry)? else {
                return None;
            };
            Some(LineTime {
                line: u32::try_from(number(line)?).ok()?,
                hits: number(hits)?,
                time: number(time)?,
                more: None,
            })
        };
        let lines: Option<Vec<LineTime>> = entries.iter().map(line).collect();
        lines.ok_or(LprofError::Shape(
            "a line is not three whole numbers: its number, hits and time",
        ))
    }
}

/// A text. What is no UTF-8, in file names and in files of Python 2, is shown as well as can be.
fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_owned()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// A whole number that is not negative. Sums that passed through floats count too.
fn number(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked, and beyond 2^63 the conversion saturates"
        )]
        Value::Float(number) if number >= 0.0 && number.is_finite() => {
            Some(number.round_ties_even() as u64)
        }
        _ => None,
    }
}

/// Writes statistics as a file of line_profiler.
pub(crate) fn bytes(stats: &LineStats) -> Vec<u8> {
    let mut writer = Pickler {
        out: b"\x80\x04".to_vec(),
        memo: HashMap::new(),
    };
    writer.text(MODULES[0]);
    writer.text(CLASS);
    // STACK_GLOBAL, no arguments, NEWOBJ; then the dict of attributes.
    writer.out.extend(b"\x93)\x81}(");
    writer.text("timings");
    writer.out.extend(b"}(");
    for function in &stats.functions {
        writer.shared_text(&function.file);
        writer.number(u64::from(function.first_line));
        writer.text(&function.name);
        writer.out.extend(b"\x87](");
        for line in &function.lines {
            writer.number(u64::from(line.line));
            writer.number(line.hits);
            writer.number(line.time);
            writer.out.push(0x87);
        }
        writer.out.push(b'e');
    }
    writer.out.push(b'u');
    writer.text("unit");
    writer.out.push(b'G');
    writer.out.extend(stats.unit_s.to_be_bytes());
    // The attributes, BUILD, STOP.
    writer.out.extend(b"ub.");
    writer.out
}

/// Writes the timed lines of a profile.
pub(crate) fn write(profile: &Profile, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&bytes(&LineStats::of(profile)))
}

struct Pickler<'s> {
    out: Vec<u8>,
    /// The texts that were stored, by the number they were stored under.
    memo: HashMap<&'s str, u32>,
}

impl<'s> Pickler<'s> {
    fn text(&mut self, text: &str) {
        match (u8::try_from(text.len()), u32::try_from(text.len())) {
            (Ok(length), _) => self.out.extend([0x8c, length]),
            (_, Ok(length)) => {
                self.out.push(b'X');
                self.out.extend(length.to_le_bytes());
            }
            _ => {
                self.out.push(0x8d);
                self.out.extend((text.len() as u64).to_le_bytes());
            }
        }
        self.out.extend(text.as_bytes());
    }

    /// A text that comes again: it is written once.
    fn shared_text(&mut self, text: &'s str) {
        if let Some(&number) = self.memo.get(text) {
            match u8::try_from(number) {
                Ok(number) => self.out.extend([b'h', number]),
                Err(_) => {
                    self.out.push(b'j');
                    self.out.extend(number.to_le_bytes());
                }
            }
            return;
        }
        self.text(text);
        if let Ok(number) = u32::try_from(self.memo.len()) {
            self.out.push(0x94);
            self.memo.insert(text, number);
        }
    }

    fn number(&mut self, number: u64) {
        if let Ok(small) = u8::try_from(number) {
            self.out.extend([b'K', small]);
        } else if let Ok(small) = u16::try_from(number) {
            self.out.push(b'M');
            self.out.extend(small.to_le_bytes());
        } else if let Ok(small) = i32::try_from(number) {
            self.out.push(b'J');
            self.out.extend(small.to_le_bytes());
        } else {
            // Nine bytes, so that the highest bit is not taken for a sign.
            self.out.extend([0x8a, 9]);
            self.out.extend(number.to_le_bytes());
            self.out.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stats(functions: Vec<FunctionLines>) -> LineStats {
        LineStats {
            unit_s: 1e-9,
            functions,
        }
    }

    fn a_file() -> Vec<u8> {
        let line = |line, hits, time| LineTime {
            line,
            hits,
            time,
            more: None,
        };
        let function = |name: &str, lines: Vec<LineTime>| FunctionLines {
            file: "app.py".into(),
            first_line: 300,
            name: name.into(),
            calls: None,
            lines,
        };
        let f = function("f", vec![line(301, 70_000, 1 << 40), line(302, 1, 1 << 62)]);
        bytes(&stats(vec![f, function("g", Vec::new())]))
    }

    #[test]
    fn files_of_old_versions_are_read() {
        // pickle.dumps of CPython 3.8 with protocol 2, the class as in line_profiler 3.5, one line.
        let old = b"\x80\x02cline_profiler._line_profiler\nLineStats\nq\x00)\x81q\x01}q\x02(\
            X\x07\x00\x00\x00timingsq\x03}q\x04X\x04\x00\x00\x00a.pyq\x05K\x01\
            X\x01\x00\x00\x00fq\x06\x87q\x07]q\x08K\x02K\x03M\x2c\x01\x87q\x09as\
            X\x04\x00\x00\x00unitq\x0aG>\xb0\xc6\xf7\xa0\xb5\xed\x8dub.";
        let stats = read_lprof(old).expect("it is read");
        assert_eq!(stats.unit_s, 1e-6);
        let [function] = &stats.functions[..] else {
            panic!("{stats:?}");
        };
        assert_eq!((function.file.as_str(), function.first_line), ("a.py", 1));
        let [line] = function.lines[..] else {
            panic!("{stats:?}");
        };
        assert_eq!((line.line, line.hits, line.time), (2, 3, 300));
    }

    #[test]
    fn what_is_no_such_file_is_said() {
        for (bytes, said) in [
            (
                &b"{}"[..],
                "it does not begin as a pickle of protocol 2 to 5",
            ),
            (
                b"\x80\x04}.",
                "it is a pickle of a dict, and not line_profiler's statistics",
            ),
            (
                b"\x80\x02cos\nsystem\n)\x81.",
                "it is a pickle of `os.system`, and not line_profiler's statistics",
            ),
            (
                b"\x80\x02c_line_profiler\nLineStats\n)\x81}b.",
                "its statistics are not as line_profiler writes them: the unit is no positive \
                 number",
            ),
        ] {
            let error = read_lprof(bytes).expect_err("it is no such file");
            assert_eq!(error.to_string(), said);
        }
        // What would call something in Python.
        let error = read_lprof(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.");
        let error = error.expect_err("nothing is called");
        assert!(error.to_string().contains("instruction 0x52"), "{error}");
    }

    #[test]
    fn a_small_file_cannot_ask_for_much() {
        // One list of 100 lines for each of 100 functions, by reference.
        let mut bomb = b"\x80\x02c_line_profiler\nLineStats\n)\x81}(X\x07\0\0\0timings}(".to_vec();
        bomb.extend(b"X\x01\0\0\0aK\x00X\x01\0\0\0f\x87](");
        bomb.extend(b"K\x01K\x01K\x01\x87q\x00");
        bomb.extend(b"h\x00".repeat(1000));
        bomb.extend(b"eq\x01");
        for first in 1..=100 {
            bomb.extend(b"X\x01\0\0\0a");
            bomb.extend([b'K', first]);
            bomb.extend(b"X\x01\0\0\0f\x87h\x01");
        }
        bomb.extend(b"uX\x04\0\0\0unitK\x01ub.");
        let error = read_lprof(&bomb).expect_err("it is too much");
        let repeats = LprofError::Shape("it repeats the lines of functions");
        assert_eq!(error, repeats);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(
            functions in prop::collection::btree_map(
                ("[a-c/é]{0,3}|[x]{260}", any::<u32>(), "[a-c.]{0,4}"),
                prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..5),
                0..300,
            ),
            unit_s in 1e-12..1e3,
        ) {
            let functions = functions.into_iter().map(|((file, first_line, name), lines)| {
                let line = |(line, hits, time)| LineTime {
                    line,
                    hits: hits / 2,
                    time: time / 2,
                    more: None,
                };
                let lines = lines.into_iter().map(line).collect();
                FunctionLines { file, first_line, name, calls: None, lines }
            });
            let stats = LineStats { unit_s, functions: functions.collect() };
            prop_assert_eq!(read_lprof(&bytes(&stats)), Ok(stats));
        }

        #[test]
        fn a_damaged_file_is_read_or_refused(at in any::<prop::sample::Index>(), byte: u8) {
            let mut file = a_file();
            let at = at.index(file.len());
            file[at] = byte;
            let _ = read_lprof(&file);
            let cut = read_lprof(&file[..at]);
            prop_assert!(cut.is_err());
        }
    }
}
