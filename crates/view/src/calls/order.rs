//! What `pstats` sorts by, under its own names and all their unique beginnings.

use pitstop_analysis::CallTable;
use pitstop_analysis::calls::{FunctionCalls, Label};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A key of `Stats.sort_stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// All calls, most first.
    Calls,
    /// Primitive calls, most first.
    PrimitiveCalls,
    /// Time with all that was called, most first.
    Cumulative,
    /// Own time, most first.
    Time,
    /// The file.
    File,
    /// The line of the `def`.
    Line,
    /// The name.
    Name,
    /// Name, file, line.
    NameFileLine,
    /// What is printed.
    StandardName,
}

/// Every name, in the order of `Stats.sort_arg_dict_default`, on which unique beginnings depend.
const NAMES: [(&str, SortKey); 13] = [
    ("calls", SortKey::Calls),
    ("ncalls", SortKey::Calls),
    ("cumtime", SortKey::Cumulative),
    ("cumulative", SortKey::Cumulative),
    ("filename", SortKey::File),
    ("line", SortKey::Line),
    ("module", SortKey::File),
    ("name", SortKey::Name),
    ("nfl", SortKey::NameFileLine),
    ("pcalls", SortKey::PrimitiveCalls),
    ("stdname", SortKey::StandardName),
    ("time", SortKey::Time),
    ("tottime", SortKey::Time),
];

/// More names: the numbers of the old profiler, and what Python 3.15 calls the calls of samplers.
const MORE_NAMES: [(&str, SortKey); 7] = [
    ("-1", SortKey::StandardName),
    ("0", SortKey::Calls),
    ("1", SortKey::Time),
    ("2", SortKey::Cumulative),
    ("samples", SortKey::Calls),
    ("nsamples", SortKey::Calls),
    ("psamples", SortKey::PrimitiveCalls),
];

/// A word that is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey;

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        write!(f, "use one of {}, or a unique beginning", names.join(", "))
    }
}

impl std::error::Error for UnknownKey {}

impl FromStr for SortKey {
    type Err = UnknownKey;

    fn from_str(word: &str) -> Result<Self, UnknownKey> {
        let exact = NAMES.iter().chain(&MORE_NAMES);
        let exact = exact.filter(|(name, _)| *name == word);
        let found = exact.map(|(_, key)| *key).next();
        found.or_else(|| by_beginning(word)).ok_or(UnknownKey)
    }
}

/// `pstats` shortens each name until it meets a beginning that another name had before. That one
/// is nobody's; shorter ones stay with the earlier name: `cu` is `cumtime`, although `cumulative`
/// begins with it too.
fn by_beginning(word: &str) -> Option<SortKey> {
    let mut known: Vec<(&str, SortKey)> = Vec::new();
    let mut nobodys: Vec<&str> = Vec::new();
    for (name, key) in NAMES {
        for end in (1..=name.len()).rev() {
            let beginning = &name[..end];
            if known.iter().any(|(other, _)| *other == beginning) {
                nobodys.push(beginning);
                break;
            }
            known.push((beginning, key));
        }
    }
    let found = known.into_iter().find(|(beginning, _)| *beginning == word);
    found
        .filter(|_| !nobodys.contains(&word))
        .map(|(_, key)| key)
}

impl SortKey {
    /// What `pstats` prints after "Ordered by".
    pub fn description(self) -> &'static str {
        match self {
            Self::Calls => "call count",
            Self::PrimitiveCalls => "primitive call count",
            Self::Cumulative => "cumulative time",
            Self::Time => "internal time",
            Self::File => "file name",
            Self::Line => "line number",
            Self::Name => "function name",
            Self::NameFileLine => "name/file/line",
            Self::StandardName => "standard name",
        }
    }

    fn compare(self, one: &Entry<'_>, other: &Entry<'_>) -> Ordering {
        let (a, b) = (one.function, other.function);
        let file = |a: &Label, b: &Label| a.file.cmp(&b.file);
        match self {
            Self::Calls => b.calls.cmp(&a.calls),
            Self::PrimitiveCalls => b.primitive.cmp(&a.primitive),
            Self::Cumulative => descending(a.total_s, b.total_s),
            Self::Time => descending(a.own_s, b.own_s),
            Self::File => file(&a.label, &b.label),
            Self::Line => a.label.line.cmp(&b.label.line),
            Self::Name => a.label.name.cmp(&b.label.name),
            Self::NameFileLine => (a.label.name.cmp(&b.label.name))
                .then_with(|| file(&a.label, &b.label))
                .then_with(|| a.label.line.cmp(&b.label.line)),
            Self::StandardName => one.text.cmp(&other.text),
        }
    }
}

/// Larger first. Zeros of both signs are equal, and what is no number has a place as well: a file
/// may hold anything.
fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| b.total_cmp(&a))
}

struct Entry<'a> {
    function: &'a FunctionCalls,
    text: String,
}

/// The functions in order; those that are equal stay in the order of the file.
pub(super) fn sorted<'a>(table: &'a CallTable, keys: &[SortKey]) -> Vec<&'a FunctionCalls> {
    let entry = |function: &'a FunctionCalls| Entry {
        function,
        text: function.label.to_string(),
    };
    let mut entries: Vec<Entry<'_>> = table.functions().iter().map(entry).collect();
    entries.sort_by(|one, other| {
        let orders = keys.iter().map(|key| key.compare(one, other));
        orders.fold(Ordering::Equal, Ordering::then)
    });
    entries.into_iter().map(|entry| entry.function).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_those_that_pstats_takes() {
        // `Stats().get_sort_arg_defs()` of Python 3.13, without the whole words.
        for (word, key) in [
            ("ca", Some(SortKey::Calls)),
            ("cu", Some(SortKey::Cumulative)),
            ("cumt", Some(SortKey::Cumulative)),
            ("f", Some(SortKey::File)),
            ("nc", Some(SortKey::Calls)),
            ("na", Some(SortKey::Name)),
            ("nf", Some(SortKey::NameFileLine)),
            ("p", Some(SortKey::PrimitiveCalls)),
            ("s", Some(SortKey::StandardName)),
            ("ti", Some(SortKey::Time)),
            ("to", Some(SortKey::Time)),
            ("-1", Some(SortKey::StandardName)),
            ("2", Some(SortKey::Cumulative)),
            ("c", None),
            ("cum", None),
            ("n", None),
            ("t", None),
            ("", None),
            ("3", None),
            ("cumulatively", None),
        ] {
            assert_eq!(word.parse::<SortKey>().ok(), key, "{word}");
        }
    }
}
