//! What each line of some functions or files cost, with their source around it.

mod choice;

use crate::cost::{Cost, ratio};
use crate::elapsed::Elapsed;
use crate::fold::Charged;
use crate::hot::{heaviest, inclusive};
use crate::wait::{WaitFor, what_for};
use choice::{hottest, selected};
use pitstop_model::{FileId, Id, Method, Profile, SourceOrigin};
use pitstop_stats::{ShareInterval, wilson95};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Which lines to show.
#[derive(Clone, Debug)]
pub struct LinesOptions {
    /// Functions (by name or qualified name) and files (by name or the end of their path). Empty
    /// means: wherever the hottest lines are.
    pub select: Vec<String>,
    /// Show every line of the chosen files.
    pub all: bool,
    /// How many of the hottest lines to show when nothing is selected.
    pub hottest: usize,
    /// Count library code at the line of the user's that called it.
    pub fold_library: bool,
}

impl Default for LinesOptions {
    fn default() -> Self {
        Self {
            select: Vec::new(),
            all: false,
            hottest: 20,
            fold_library: true,
        }
    }
}

/// Lines with what they cost, by file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineTable {
    /// The files, costliest first.
    pub files: Vec<FileLines>,
    /// The number of functions that were chosen.
    pub functions: usize,
    /// The number of lines shown.
    pub shown: usize,
    /// The number of lines of all shown files.
    pub lines: usize,
    /// The time that shares are of: the run's elapsed time, in nanoseconds.
    pub whole_ns: f64,
    /// The time one sample stands for on average, in nanoseconds.
    pub sample_ns: f64,
    /// True for a trace: calls were timed, and a function's own time lies at its `def`.
    pub is_traced: bool,
    /// What was selected but is nowhere in the profile.
    pub unmatched: Vec<String>,
}

/// The lines of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileLines {
    /// The file's name to show.
    pub file: String,
    /// The file as the interpreter names it.
    pub path: String,
    /// Where its text came from; `None` if it was not captured.
    pub origin: Option<SourceOrigin>,
    /// The shown lines in their order.
    pub rows: Vec<LineRow>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineRow {
    /// Its number (1-based).
    pub number: u32,
    /// Its text, where captured.
    pub text: Option<String>,
    /// What it cost; `None` if no sample fell on it.
    pub cost: Option<LineCost>,
    /// True for the one costliest line of the table.
    pub hottest: bool,
}

/// What one line cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineCost {
    /// Its own time: on the line and, folded, in library code it called.
    pub own: Cost,
    /// The time on the line and in everything it called, in nanoseconds.
    pub total_ns: f64,
    /// The share (0 to 1) of its own time.
    pub share: f64,
    /// The range that share lies in, given the number of samples.
    pub interval: ShareInterval,
    /// The share (0 to 1) of its total.
    pub total_share: f64,
    /// What it waited longest for.
    pub waits_for: Option<WaitFor>,
}

type Costs = BTreeMap<FileId, BTreeMap<u32, LineCost>>;

/// Makes the table of lines.
pub fn lines(profile: &Profile, elapsed: &Elapsed, options: &LinesOptions) -> LineTable {
    let costs = costs(profile, elapsed, options.fold_library);
    let choice = if options.select.is_empty() {
        hottest(profile, &costs, options.hottest)
    } else {
        selected(profile, &costs, &options.select)
    };
    let mut table = LineTable {
        functions: choice.functions.len(),
        whole_ns: elapsed.total_ns(),
        sample_ns: sample_ns(profile),
        is_traced: profile.meta.method == Method::Tracing,
        unmatched: choice.unmatched,
        ..LineTable::default()
    };
    for (file, wanted) in choice.lines {
        let text = profile.sources.get(file);
        let source: Vec<&str> = text.map(|t| t.text.lines().collect()).unwrap_or_default();
        let costs = costs.get(&file);
        let has_text = |number: u32| {
            let line = source.get(number as usize - 1);
            line.is_some_and(|line| !line.trim().is_empty())
        };
        let has_cost = |number: u32| costs.is_some_and(|costs| costs.contains_key(&number));
        let wanted = wanted
            .into_iter()
            .filter(|&number| has_text(number) || has_cost(number))
            .collect();
        let wanted = without_small_gaps(&wanted, source.len());
        let numbers: Vec<u32> = match options.all {
            true if !source.is_empty() => {
                (1..=u32::try_from(source.len()).unwrap_or(u32::MAX)).collect()
            }
            _ => wanted.into_iter().collect(),
        };
        let names = profile.places.file(file);
        table.lines += source.len().max(numbers.len());
        table.shown += numbers.len();
        table.files.push(FileLines {
            file: profile.text(names.short).to_owned(),
            path: profile.text(names.path).to_owned(),
            origin: text.map(|t| t.origin),
            rows: numbers
                .into_iter()
                .map(|number| LineRow {
                    number,
                    text: source
                        .get(number as usize - 1)
                        .map(|&line| line.trim_end().to_owned()),
                    cost: costs.and_then(|costs| costs.get(&number)).cloned(),
                    hottest: false,
                })
                .collect(),
        });
    }
    let file_ns = |file: &FileLines| file.rows.iter().map(own_ns).sum::<f64>();
    table
        .files
        .sort_by(|a, b| file_ns(b).total_cmp(&file_ns(a)));
    mark_hottest(&mut table);
    table
}

/// The lines, and each single line left out between two of them: a mark for it would take as much
/// room as the line.
fn without_small_gaps(lines: &BTreeSet<u32>, last: usize) -> BTreeSet<u32> {
    let between = lines
        .iter()
        .map(|line| line + 1)
        .filter(|line| lines.contains(&(line + 1)) && (*line as usize) <= last);
    lines.iter().copied().chain(between).collect()
}

/// What every line of the profile cost, by file and line.
fn costs(profile: &Profile, elapsed: &Elapsed, fold_library: bool) -> Costs {
    let places = &profile.places;
    let charged = Charged::of(profile, fold_library);
    let is_traced = profile.meta.method == Method::Tracing;
    // Functions written on one line (a lambda, a comprehension) are one line here.
    let mut slots: FxHashMap<(FileId, u32), usize> = FxHashMap::default();
    let mut keys = Vec::new();
    let slot_of_frame: Vec<usize> = places
        .frames()
        .iter()
        .map(|frame| {
            let function = places.function(frame.function);
            // The own lines of a traced function are not timed: its `def` stands for them.
            let line = match frame.line {
                0 if is_traced => function.first_line,
                line => line,
            };
            let key = (function.file, line);
            *slots.entry(key).or_insert_with(|| {
                keys.push(key);
                keys.len() - 1
            })
        })
        .collect();
    let mut own = vec![Cost::default(); keys.len()];
    let mut waits: Vec<FxHashMap<WaitFor, f64>> = vec![FxHashMap::default(); keys.len()];
    let mut by_stack_ns = vec![0.0; places.stacks().len()];
    for (row, count, ns) in elapsed.rows(profile) {
        let Some(stack) = row.stack.filter(|_| ns > 0.0) else {
            continue;
        };
        by_stack_ns[stack.index()] += ns;
        let slot = slot_of_frame[charged.frame(stack).index()];
        own[slot].add(row.state, ns, count);
        if row.state.is_waiting() {
            *waits[slot].entry(what_for(profile, &row)).or_default() += ns;
        }
    }
    let totals_ns = inclusive(profile, &by_stack_ns, &slot_of_frame, keys.len());
    let whole_ns = elapsed.total_ns();
    let mut costs = Costs::new();
    for (slot, (file, line)) in keys.into_iter().enumerate() {
        if totals_ns[slot] <= 0.0 || line == 0 {
            continue;
        }
        let share = ratio(own[slot].total_ns(), whole_ns);
        let cost = LineCost {
            own: own[slot],
            total_ns: totals_ns[slot],
            share,
            interval: wilson95(share, elapsed.instants),
            total_share: ratio(totals_ns[slot], whole_ns),
            waits_for: heaviest(&waits[slot]),
        };
        costs.entry(file).or_default().insert(line, cost);
    }
    costs
}

fn sample_ns(profile: &Profile) -> f64 {
    let (samples, ns) = profile
        .series
        .iter()
        .fold((0, 0), |(n, sum), (_, count, ns)| (n + count, sum + ns));
    ratio(ns as f64, samples as f64)
}

fn own_ns(row: &LineRow) -> f64 {
    row.cost.as_ref().map_or(0.0, |cost| cost.own.total_ns())
}

fn mark_hottest(table: &mut LineTable) {
    let rows = table.files.iter_mut().flat_map(|file| &mut file.rows);
    // Of equal lines the first.
    let hottest = rows.reduce(|a, b| if own_ns(b) > own_ns(a) { b } else { a });
    if let Some(row) = hottest.filter(|row| own_ns(row) > 0.0) {
        row.hottest = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::Python;

    const SOURCE: &str = "import x\n\n\ndef cold():\n    pass\n\n\ndef hot(n):\n    a = 1\n    b = 2\n    c = 3\n    for i in n:\n        work(i)\n    return a\n\n\nhot(9)\n";

    fn profile() -> Profile {
        let mut s = Sketch::new("app.py");
        s.source("app.py", SOURCE);
        let main = s.main();
        s.spend(main, Python, 900, "<module> app.py:17; hot app.py:13");
        s.spend(
            main,
            Python,
            98,
            "<module> app.py:17; hot app.py:13; work lib/x.py:3",
        );
        s.spend(main, Python, 2, "<module> app.py:17; cold app.py:5");
        s.finish()
    }

    fn table(options: &LinesOptions) -> LineTable {
        let profile = profile();
        lines(&profile, &Elapsed::of(&profile), options)
    }

    fn numbers(table: &LineTable) -> Vec<u32> {
        let rows = table.files.iter().flat_map(|file| &file.rows);
        rows.map(|row| row.number).collect()
    }

    fn select(names: &[&str]) -> LinesOptions {
        LinesOptions {
            select: names.iter().map(|&name| name.to_owned()).collect(),
            ..LinesOptions::default()
        }
    }

    #[test]
    fn the_hottest_lines_come_with_their_head_and_neighbours() {
        let table = table(&LinesOptions::default());
        assert_eq!(numbers(&table), [8, 12, 13, 14]);
        assert_eq!((table.functions, table.shown, table.lines), (1, 4, 17));
        let hottest = table.files[0].rows.iter().find(|row| row.hottest).unwrap();
        assert_eq!(hottest.number, 13);
        assert_eq!(hottest.cost.as_ref().unwrap().own.samples, 998);
        assert_eq!(hottest.text.as_deref(), Some("        work(i)"));
    }

    #[test]
    fn a_selected_function_is_shown_whole() {
        assert_eq!(
            numbers(&table(&select(&["hot"]))),
            (8..=14).collect::<Vec<_>>()
        );
        assert_eq!(numbers(&table(&select(&["cold"]))), [4, 5]);
    }

    #[test]
    fn a_selected_file_shows_its_costly_lines_or_all() {
        assert_eq!(
            numbers(&table(&select(&["app.py"]))),
            [4, 5, 12, 13, 14, 17]
        );
        let all = LinesOptions {
            all: true,
            ..select(&["app.py"])
        };
        assert_eq!(numbers(&table(&all)), (1..=17).collect::<Vec<_>>());
    }

    #[test]
    fn names_that_are_nowhere_are_said_to_be() {
        let table = table(&select(&["hot", "nowhere"]));
        assert_eq!(table.unmatched, ["nowhere"]);
        assert_eq!(table.functions, 1);
    }

    #[test]
    fn libraries_can_be_shown_for_themselves() {
        let plain = LinesOptions {
            fold_library: false,
            ..LinesOptions::default()
        };
        let table = table(&plain);
        assert_eq!(table.files[1].file, "x.py");
        assert_eq!(table.files[1].origin, None);
    }
}
