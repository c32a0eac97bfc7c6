//! Exact times by line: what a line-timing run measured, or what a file of line_profiler holds.
//!
//! Both are [`LineStats`]. Times are whole numbers of a unit of time, as in line_profiler's files,
//! whose unit is that of the clock it was built with; ours is the nanosecond. Several of them can
//! be added up, and each function can be listed beside its source.

use crate::block::block_length;
use pitstop_model::Profile;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The name of the code of a module itself.
const MODULE: &str = "<module>";
/// The seconds in our unit.
const NANOSECOND_S: f64 = 1e-9;

/// The lines of functions with their times.
#[derive(Clone, Debug, PartialEq)]
pub struct LineStats {
    /// The seconds in one unit of time.
    pub unit_s: f64,
    /// The functions in the order they were met, each key once.
    pub functions: Vec<FunctionLines>,
}

/// A function and the lines of it that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionLines {
    /// `co_filename`, verbatim.
    pub file: String,
    /// The line its definition begins in: of the first decorator, or of the `def` (1-based).
    pub first_line: u32,
    /// `co_qualname`, or `co_name` before 3.11.
    pub name: String,
    /// How often it was called; `None` where only lines were counted.
    pub calls: Option<u64>,
    /// The lines, in the order they are listed in.
    pub lines: Vec<LineTime>,
}

/// What one line took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineTime {
    /// Its number (1-based).
    pub line: u32,
    /// How often it began.
    pub hits: u64,
    /// Its time with all that it called, in units.
    pub time: u64,
    /// What line_profiler does not know.
    pub more: Option<MoreTime>,
}

/// What only we know of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoreTime {
    /// Its time without what it called and was timed too, in units.
    pub own: u64,
    /// What it waited at a yield or await, in units; not part of the other times.
    pub waited: u64,
}

impl FunctionLines {
    /// The time of all its lines, in units.
    pub fn time(&self) -> u128 {
        self.lines.iter().map(|line| u128::from(line.time)).sum()
    }

    /// The hits of all its lines.
    pub fn hits(&self) -> u128 {
        self.lines.iter().map(|line| u128::from(line.hits)).sum()
    }

    fn key(&self) -> (&str, u32, &str) {
        (&self.file, self.first_line, &self.name)
    }
}

impl LineStats {
    /// What a line-timing run measured. Functions that agree in file, first line and name, as those
    /// of code that was executed twice, are one.
    pub fn of(profile: &Profile) -> Self {
        let functions = profile.line_times.functions.iter().map(|timed| {
            let function = profile.places.function(timed.function);
            let file = profile.places.file(function.file);
            let lines = timed.lines.iter().map(|&(line, cost)| LineTime {
                line,
                hits: cost.hits,
                time: cost.inclusive_ns,
                more: Some(MoreTime {
                    own: cost.self_ns,
                    waited: cost.waited_ns,
                }),
            });
            FunctionLines {
                file: profile.text(file.path).to_owned(),
                first_line: function.first_line,
                name: profile.text(function.qualname).to_owned(),
                calls: Some(timed.calls),
                lines: lines.collect(),
            }
        });
        let mut stats = Self {
            unit_s: NANOSECOND_S,
            functions: Vec::new(),
        };
        let mut places: HashMap<(String, u32, String), usize> = HashMap::new();
        for one in functions {
            let key = (one.file.clone(), one.first_line, one.name.clone());
            match places.get(&key) {
                Some(&at) => stats.functions[at].add(&one),
                None => {
                    places.insert(key, stats.functions.len());
                    stats.functions.push(one);
                }
            }
        }
        stats
    }

    /// Adds up several, in the largest of their units; times are rounded once, at the end. The
    /// order of functions is that of line_profiler, which begins with the smallest unit.
    ///
    /// `None` if there is nothing to add up.
    pub fn merged(mut all: Vec<Self>) -> Option<Self> {
        if all.len() < 2 {
            return all.pop();
        }
        all.sort_by(|a, b| a.unit_s.total_cmp(&b.unit_s));
        let unit_s = all.last()?.unit_s;
        let mut places: HashMap<(&str, u32, &str), usize> = HashMap::new();
        let mut sums: Vec<(&FunctionLines, Option<u64>, BTreeMap<u32, Sum>)> = Vec::new();
        for stats in &all {
            let factor = stats.unit_s / unit_s;
            for function in &stats.functions {
                let next = sums.len();
                let at = *places.entry(function.key()).or_insert(next);
                if at == next {
                    sums.push((function, function.calls, BTreeMap::new()));
                } else {
                    sums[at].1 = sums[at]
                        .1
                        .zip(function.calls)
                        .map(|(a, b)| a.saturating_add(b));
                }
                for line in &function.lines {
                    let is_new = !sums[at].2.contains_key(&line.line);
                    sums[at]
                        .2
                        .entry(line.line)
                        .or_default()
                        .add(line, factor, is_new);
                }
            }
        }
        let functions = sums.into_iter().map(|(first, calls, lines)| FunctionLines {
            file: first.file.clone(),
            first_line: first.first_line,
            name: first.name.clone(),
            calls,
            lines: lines
                .into_iter()
                .map(|(line, sum)| sum.line(line))
                .collect(),
        });
        Some(Self {
            unit_s,
            functions: functions.collect(),
        })
    }

    /// True if every line says more than line_profiler knows.
    pub fn has_more(&self) -> bool {
        let mut lines = self.functions.iter().flat_map(|function| &function.lines);
        lines.all(|line| line.more.is_some())
    }
}

impl FunctionLines {
    /// Adds the lines of the same function, in the same unit.
    fn add(&mut self, other: &Self) {
        self.calls = self
            .calls
            .zip(other.calls)
            .map(|(a, b)| a.saturating_add(b));
        let lines = self.lines.iter().chain(&other.lines);
        let mut sums: BTreeMap<u32, LineTime> = BTreeMap::new();
        for line in lines {
            sums.entry(line.line)
                .and_modify(|sum| {
                    sum.hits = sum.hits.saturating_add(line.hits);
                    sum.time = sum.time.saturating_add(line.time);
                    sum.more = sum.more.zip(line.more).map(|(a, b)| MoreTime {
                        own: a.own.saturating_add(b.own),
                        waited: a.waited.saturating_add(b.waited),
                    });
                })
                .or_insert(*line);
        }
        self.lines = sums.into_values().collect();
    }
}

/// A line of several files, in the unit of the sum.
#[derive(Clone, Copy, Default)]
struct Sum {
    hits: u64,
    time: f64,
    more: Option<(f64, f64)>,
}

impl Sum {
    fn add(&mut self, line: &LineTime, factor: f64, is_new: bool) {
        let units = |time: u64| factor * time as f64;
        self.hits = self.hits.saturating_add(line.hits);
        self.time += units(line.time);
        let more = line.more.map(|more| (units(more.own), units(more.waited)));
        self.more = match (self.more, more) {
            (Some((own, waited)), Some(more)) => Some((own + more.0, waited + more.1)),
            (None, more) if is_new => more,
            _ => None,
        };
    }

    fn line(self, line: u32) -> LineTime {
        LineTime {
            line,
            hits: self.hits,
            time: whole(self.time),
            more: self.more.map(|(own, waited)| MoreTime {
                own: whole(own),
                waited: whole(waited),
            }),
        }
    }
}

/// Rounded to the nearest whole number, the even one of two (Python's `round`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of times is not negative, and the conversion saturates"
)]
fn whole(time: f64) -> u64 {
    time.round_ties_even() as u64
}

/// Where the text of a function's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Here.
    Known(Cow<'a, str>),
    /// It never was in a file, and is not known.
    Generated,
    /// There is no such file.
    Missing,
}

/// The lines of a function: its source, as far as its definition goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The text of each line from the first one of the definition on, without its ending. Empty
    /// texts where the file is missing.
    pub lines: Vec<String>,
    /// The file is there, or never was in any place.
    pub found: bool,
}

impl Listing {
    /// Lists a function beside the text of its file.
    pub fn of(function: &FunctionLines, text: &Text<'_>) -> Self {
        let text = match text {
            Text::Known(text) => text.as_ref(),
            Text::Generated => "",
            Text::Missing => return Self::without_text(function),
        };
        let lines = split_lines(text);
        let first = usize::try_from(function.first_line).unwrap_or(usize::MAX);
        // A first line of 0 counts from the end in Python; no function begins there.
        let from = lines.get(first.max(1) - 1..).unwrap_or_default();
        let length = if function.name == MODULE {
            // Its first statement is not the whole of it. line_profiler never times one.
            let last = function.lines.iter().map(|line| line.line).max();
            let last = last
                .and_then(|last| usize::try_from(last).ok())
                .unwrap_or(0);
            last.saturating_sub(first.max(1) - 1)
                .clamp(1, from.len().max(1))
                .min(from.len())
        } else {
            block_length(from)
        };
        Self {
            lines: from[..length].iter().map(|&line| line.to_owned()).collect(),
            found: true,
        }
    }

    /// As many empty lines as the times need, so that they can be seen.
    fn without_text(function: &FunctionLines) -> Self {
        /// No definition is longer; a hostile file must not make us print for ever.
        const MOST: u32 = 1 << 20;
        let numbers = || function.lines.iter().map(|line| line.line);
        let length = match (numbers().min(), numbers().max()) {
            (Some(least), Some(most)) => (most - least.min(function.first_line)).saturating_add(1),
            _ => 1,
        };
        Self {
            lines: vec![String::new(); usize::try_from(length.min(MOST)).unwrap_or(0)],
            found: false,
        }
    }
}

/// The lines of a text as Python reads it: `\n`, `\r\n` and a lone `\r` end one.
fn split_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        lines.push(&rest[..end]);
        let ending = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = rest.get(end + ending..).unwrap_or("");
    }
    lines
}

/// True for a file name that stands for code of a notebook or a generator, as line_profiler tells
/// them. `temporary` is the directory of temporary files.
pub fn is_generated(file: &str, temporary: &str) -> bool {
    let temporary = temporary.trim_end_matches('/');
    let in_temporary = file
        .strip_prefix(temporary)
        .and_then(|rest| rest.strip_prefix('/'));
    file.starts_with("<generated")
        || file.starts_with("<ipython-input-")
        || in_temporary
            .is_some_and(|name| name.starts_with("ipykernel_") || name.starts_with("xpython_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: u32, hits: u64, time: u64) -> LineTime {
        LineTime {
            line,
            hits,
            time,
            more: None,
        }
    }

    fn function(name: &str, lines: &[LineTime]) -> FunctionLines {
        FunctionLines {
            file: "spam.py".into(),
            first_line: 1,
            name: name.into(),
            calls: None,
            lines: lines.to_vec(),
        }
    }

    #[test]
    fn files_add_up_in_the_largest_unit() {
        // The example in the documentation of line_profiler's `LineStats.__add__`.
        let one = LineStats {
            unit_s: 1e-6,
            functions: vec![
                function("foo", &[line(2, 10, 300)]),
                function("bar", &[line(11, 2, 1000), line(12, 1, 500)]),
            ],
        };
        let other = LineStats {
            unit_s: 1e-7,
            functions: vec![
                function("bar", &[line(11, 10, 20000), line(12, 5, 1000)]),
                function("baz", &[line(5, 2, 5000)]),
            ],
        };
        let sum = LineStats::merged(vec![one.clone(), other]).expect("a sum");
        assert_eq!(sum.unit_s, 1e-6);
        assert_eq!(
            sum.functions,
            [
                function("bar", &[line(11, 12, 3000), line(12, 6, 600)]),
                function("baz", &[line(5, 2, 500)]),
                function("foo", &[line(2, 10, 300)]),
            ]
        );
        assert_eq!(LineStats::merged(vec![one.clone()]), Some(one));
        assert_eq!(LineStats::merged(Vec::new()), None);
    }

    #[test]
    fn what_only_we_know_survives_a_sum_of_ours_and_no_other() {
        let more = Some(MoreTime { own: 1, waited: 2 });
        let ours = |more| LineStats {
            unit_s: 1e-9,
            functions: vec![function(
                "f",
                &[LineTime {
                    more,
                    ..line(1, 1, 3)
                }],
            )],
        };
        let both = LineStats::merged(vec![ours(more), ours(more)]).expect("a sum");
        let expected = Some(MoreTime { own: 2, waited: 4 });
        assert_eq!(both.functions[0].lines[0].more, expected);
        for mixed in [vec![ours(more), ours(None)], vec![ours(None), ours(more)]] {
            let mixed = LineStats::merged(mixed).expect("a sum");
            assert!(!mixed.has_more());
        }
    }

    #[test]
    fn a_function_is_listed_from_its_first_line_to_its_end() {
        let text = "import x\r\n@x\r\ndef f():\r\n    pass\r\ny = 1\r";
        let text = Text::Known(text.into());
        let mut f = function("f", &[line(4, 1, 1)]);
        f.first_line = 2;
        let listing = Listing::of(&f, &text);
        assert_eq!(listing.lines, ["@x", "def f():", "    pass"]);
        f.first_line = 9;
        assert_eq!(Listing::of(&f, &text).lines, [""; 0]);
        let module = function("<module>", &[line(1, 1, 1), line(4, 1, 1)]);
        assert_eq!(Listing::of(&module, &text).lines.len(), 4);
        assert_eq!(
            Listing::of(&function("<module>", &[]), &text).lines.len(),
            1
        );
        let nothing = Text::Known("".into());
        assert_eq!(Listing::of(&module, &nothing).lines.len(), 0);
        f.first_line = 3;
        let missing = Listing::of(&f, &Text::Missing);
        assert_eq!((missing.lines.len(), missing.found), (2, false));
        let hostile = function("f", &[line(u32::MAX, 1, 1), line(0, 1, 1)]);
        assert_eq!(Listing::of(&hostile, &Text::Missing).lines.len(), 1 << 20);
    }

    #[test]
    fn notebooks_are_told_by_their_names() {
        for name in [
            "<ipython-input-1-a>",
            "<generated>",
            "/t/ipykernel_1/2.py",
            "/t/xpython_1",
        ] {
            assert!(is_generated(name, "/t/"), "{name}");
        }
        for name in ["<string>", "/t/a.py", "/tt/ipykernel_1", "ipykernel_1"] {
            assert!(!is_generated(name, "/t"), "{name}");
        }
    }
}
