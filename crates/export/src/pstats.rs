//! What Python's `pstats` loads, and with it snakeviz, gprof2dot and every script around it.
//!
//! The file of `cProfile` (CPython's `Lib/pstats.py`) is one marshalled dict:
//!
//! ```text
//! (file, line of def, name) -> (primitive calls, calls, self s, cumulative s, callers)
//! callers: the same key     -> (calls, primitive calls, self s, cumulative s)
//! ```
//!
//! The two counts of a caller come the other way round than those of a function.
//!
//! A traced profile has true counts; they are written as `cProfile` counts (see
//! [`pitstop_analysis::calls`]). A sampler counts no calls: both call counts are the samples that saw the function. Times are
//! elapsed seconds summed over all threads, as pstats knows none. Cumulative time counts a stack
//! once however often the function stands in it, so recursion does not multiply it; the same holds
//! for each pair of caller and function. Keys use `co_name` and the full path as `cProfile` does, so
//! that files of both can be added up. Functions that agree in all three are one entry.

mod read;
mod table;

use crate::Options;
use crate::marshal::Value;
use crate::names::clean;
use crate::place::{Place, places};
use crate::selection::{Granularity, selected};
use pitstop_analysis::{CallGraph, CallTable};
use pitstop_model::Profile;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::io::{self, Write};

pub use read::{ProfError, looks_like_prof, read_prof};
pub use table::prof_bytes;

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    if !profile.calls.is_empty() {
        let graph = CallGraph::of(profile, None);
        return out.write_all(&prof_bytes(&CallTable::from(&graph)));
    }
    let mut bytes = Vec::new();
    value(&entries(profile, options)).write(&mut bytes);
    out.write_all(&bytes)
}

/// File, line of the `def`, name.
type Key = (String, u32, String);

/// What is known of a function, or of a function called by one caller.
#[derive(Clone, Copy, Default)]
struct Cost {
    samples: u64,
    self_ns: u64,
    total_ns: u64,
}

#[derive(Default)]
struct Entry {
    cost: Cost,
    callers: BTreeMap<usize, Cost>,
}

/// All functions by their number, and the numbers by key.
#[derive(Default)]
struct Entries {
    numbers: BTreeMap<Key, usize>,
    by_place: FxHashMap<Place, usize>,
    entries: Vec<Entry>,
}

fn entries(profile: &Profile, options: &Options) -> Entries {
    let mut all = Entries::default();
    let mut seen: FxHashSet<(Option<usize>, usize)> = FxHashSet::default();
    for one in selected(profile, options.selection) {
        let stack: Vec<usize> = places(profile, one.row, Granularity::Function)
            .into_iter()
            .map(|place| all.number(profile, place))
            .collect();
        let add = |cost: &mut Cost, first: bool, innermost: bool| {
            if first {
                cost.samples += one.samples;
                cost.total_ns += one.wall_ns;
            }
            if innermost {
                cost.self_ns += one.wall_ns;
            }
        };
        seen.clear();
        for (depth, &function) in stack.iter().enumerate() {
            let innermost = depth + 1 == stack.len();
            let entry = &mut all.entries[function];
            add(&mut entry.cost, seen.insert((None, function)), innermost);
            if let Some(caller) = depth.checked_sub(1).map(|above| stack[above]) {
                let first = seen.insert((Some(caller), function));
                add(entry.callers.entry(caller).or_default(), first, innermost);
            }
        }
    }
    all
}

impl Entries {
    fn number(&mut self, profile: &Profile, place: Place) -> usize {
        if let Some(&number) = self.by_place.get(&place) {
            return number;
        }
        let next = self.entries.len();
        let number = *self.numbers.entry(key(profile, place)).or_insert(next);
        if number == next {
            self.entries.push(Entry::default());
        }
        self.by_place.insert(place, number);
        number
    }
}

fn key(profile: &Profile, place: Place) -> Key {
    match place.function() {
        Some(id) => {
            let function = profile.places.function(id);
            let file = profile.places.file(function.file);
            let (path, name) = (profile.text(file.path), profile.text(function.name));
            (clean(path), function.first_line, clean(name))
        }
        // `cProfile` files built-in functions, which have no file either, under `~`.
        None => ("~".to_owned(), 0, place.name(profile).into_owned()),
    }
}

fn value(all: &Entries) -> Value {
    let mut keys: Vec<Option<&Key>> = vec![None; all.entries.len()];
    for (key, &number) in &all.numbers {
        keys[number] = Some(key);
    }
    let key_value = |number: usize| keys[number].map_or(Value::Tuple(Vec::new()), key_tuple);
    let entries = all.numbers.values().map(|&number| {
        let entry = &all.entries[number];
        let mut callers: Vec<(usize, Cost)> = entry
            .callers
            .iter()
            .map(|(&caller, &cost)| (caller, cost))
            .collect();
        callers.sort_by_key(|&(caller, _)| keys[caller]);
        let callers = callers
            .into_iter()
            .map(|(caller, cost)| (key_value(caller), Value::Tuple(numbers(cost).to_vec())))
            .collect();
        let mut fields = numbers(entry.cost).to_vec();
        fields.push(Value::Dict(callers));
        (key_value(number), Value::Tuple(fields))
    });
    Value::Dict(entries.collect())
}

fn key_tuple((file, line, name): &Key) -> Value {
    Value::Tuple(vec![
        Value::Text(file.clone()),
        Value::Int(u64::from(*line)),
        Value::Text(name.clone()),
    ])
}

fn numbers(cost: Cost) -> [Value; 4] {
    #[expect(
        clippy::cast_precision_loss,
        reason = "pstats counts seconds in floats"
    )]
    let seconds = |ns: u64| Value::Float(ns as f64 / 1e9);
    [
        Value::Int(cost.samples),
        Value::Int(cost.samples),
        seconds(cost.self_ns),
        seconds(cost.total_ns),
    ]
}
