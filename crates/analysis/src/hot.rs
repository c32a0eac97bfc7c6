//! The lines and functions that took most of the time.

use crate::cost::{Cost, Doing, ratio};
use crate::elapsed::Elapsed;
use crate::fold::{Charged, is_library, is_machinery};
use crate::place::Place;
use crate::wait::{WaitFor, what_for};
use pitstop_model::{FrameId, FunctionId, Id, Profile, Row, StackId, ThreadId};
use pitstop_stats::{ShareInterval, wilson95};
use rustc_hash::FxHashMap;

/// What to count.
#[derive(Clone, Debug)]
pub struct HotOptions {
    /// Count library code at the line of the user's that called it.
    pub fold_library: bool,
    /// Count waiting too, not only running and being ready to run.
    pub waiting: bool,
    /// Count one thread only, in its own time instead of the run's elapsed time.
    pub thread: Option<ThreadId>,
    /// How many lines and how many functions to return at most.
    pub limit: usize,
}

impl Default for HotOptions {
    fn default() -> Self {
        Self {
            fold_library: true,
            waiting: true,
            thread: None,
            limit: 100,
        }
    }
}

/// A line with what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct HotLine {
    /// The line.
    pub place: Place,
    /// Its own time: on the line itself and, folded, in library code it called.
    pub own: Cost,
    /// The time on the line and in everything it called, in nanoseconds. A stack that passes the
    /// line several times counts once.
    pub total_ns: f64,
    /// The share (0 to 1) of its own time.
    pub share: f64,
    /// The range that share lies in, given the number of samples.
    pub interval: ShareInterval,
    /// What it waited longest for; `None` if it never waited.
    pub waits_for: Option<WaitFor>,
    /// The library function that more than half of its own time was spent in; `None` if there is
    /// none.
    pub inside: Option<Place>,
}

/// A function with what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct HotFunction {
    /// The function, with the line of its `def`.
    pub place: Place,
    /// Its own time: in its lines and, folded, in library code it called.
    pub own: Cost,
    /// The time in it and in everything it called, in nanoseconds; recursion counts once a stack.
    pub total_ns: f64,
    /// The share (0 to 1) of its own time.
    pub share: f64,
    /// The share (0 to 1) of its total.
    pub total_share: f64,
    /// The range the share of its own time lies in, given the number of samples.
    pub interval: ShareInterval,
    /// The number of its lines with time of their own.
    pub lines: usize,
}

/// The lines and functions that took time, costliest first.
#[derive(Clone, Debug, Default)]
pub struct Hot {
    /// The lines.
    pub lines: Vec<HotLine>,
    /// The functions.
    pub functions: Vec<HotFunction>,
    /// The time that shares are of, in nanoseconds.
    pub whole_ns: f64,
    /// The counted time of samples without a Python stack.
    pub stackless: Cost,
}

/// What one frame gathers.
#[derive(Clone, Default)]
struct Gathered {
    own: Cost,
    waits: FxHashMap<WaitFor, f64>,
    inside: FxHashMap<FunctionId, f64>,
}

/// Finds the hot lines and functions of a profile.
pub fn hot(profile: &Profile, elapsed: &Elapsed, options: &HotOptions) -> Hot {
    let rows = counted(profile, elapsed, options);
    let (whole_ns, trials) = match options.thread {
        None => (elapsed.total_ns(), elapsed.instants),
        Some(_) => (
            rows.iter().map(|(_, _, ns)| ns).sum(),
            match profile.meta.method.is_exact() {
                true => u64::MAX,
                false => rows.iter().map(|(_, count, _)| count).sum(),
            },
        ),
    };
    let charged = Charged::of(profile, options.fold_library);
    let mut by_frame: FxHashMap<FrameId, Gathered> = FxHashMap::default();
    let mut by_stack_ns = vec![0.0; profile.places.stacks().len()];
    let mut stackless = Cost::default();
    for &(row, count, ns) in &rows {
        let Some(stack) = row.stack else {
            stackless.add(row.state, ns, count);
            continue;
        };
        by_stack_ns[stack.index()] += ns;
        gather(
            profile,
            by_frame.entry(charged.frame(stack)).or_default(),
            &row,
            count,
            ns,
        );
    }
    let totals = Totals::of(profile, &by_stack_ns);
    let estimate = |ns: f64| {
        let share = ratio(ns, whole_ns);
        (share, wilson95(share, trials))
    };
    Hot {
        lines: lines(profile, &by_frame, &totals, options.limit, estimate),
        functions: functions(profile, &by_frame, &totals, options.limit, estimate),
        whole_ns,
        stackless,
    }
}

fn counted(profile: &Profile, elapsed: &Elapsed, options: &HotOptions) -> Vec<(Row, u64, f64)> {
    let wanted = |row: &Row| options.waiting || !row.state.is_waiting();
    match options.thread {
        None => elapsed
            .rows(profile)
            .filter(|(row, _, ns)| wanted(row) && *ns > 0.0)
            .collect(),
        Some(thread) => profile
            .series
            .iter()
            .filter(|(row, _, ns)| row.thread == thread && wanted(row) && *ns > 0)
            .map(|(row, count, ns)| (row, count, ns as f64))
            .collect(),
    }
}

fn gather(profile: &Profile, gathered: &mut Gathered, row: &Row, count: u64, ns: f64) {
    gathered.own.add(row.state, ns, count);
    if row.state.is_waiting() {
        *gathered.waits.entry(what_for(profile, row)).or_default() += ns;
    }
    if let Some(stack) = row.stack {
        let leaf = profile.places.leaf_function(stack);
        *gathered.inside.entry(leaf).or_default() += ns;
    }
}

fn lines(
    profile: &Profile,
    by_frame: &FxHashMap<FrameId, Gathered>,
    totals: &Totals,
    limit: usize,
    estimate: impl Fn(f64) -> (f64, ShareInterval),
) -> Vec<HotLine> {
    let mut ranked: Vec<(FrameId, &Gathered)> = by_frame.iter().map(|(&f, g)| (f, g)).collect();
    ranked.sort_by(|(frame_a, a), (frame_b, b)| {
        (b.own.total_ns().total_cmp(&a.own.total_ns())).then(frame_a.cmp(frame_b))
    });
    ranked.truncate(limit);
    let line = |(frame, gathered): (FrameId, &Gathered)| {
        let (share, interval) = estimate(gathered.own.total_ns());
        let function = profile.places.frame(frame).function;
        let most_ns = gathered.own.total_ns() / 2.0;
        let inside = heaviest(&gathered.inside)
            .filter(|leaf| *leaf != function && gathered.inside[leaf] > most_ns);
        HotLine {
            place: Place::of_frame(profile, frame),
            own: gathered.own,
            total_ns: totals.by_frame_ns[frame.index()],
            share,
            interval,
            waits_for: heaviest(&gathered.waits),
            inside: inside.map(|leaf| Place::of_function(profile, leaf)),
        }
    };
    ranked.into_iter().map(line).collect()
}

fn functions(
    profile: &Profile,
    by_frame: &FxHashMap<FrameId, Gathered>,
    totals: &Totals,
    limit: usize,
    estimate: impl Fn(f64) -> (f64, ShareInterval),
) -> Vec<HotFunction> {
    let mut own: FxHashMap<FunctionId, (Cost, usize)> = FxHashMap::default();
    for (&frame, gathered) in by_frame {
        let (cost, lines) = own.entry(profile.places.frame(frame).function).or_default();
        cost.merge(&gathered.own);
        *lines += 1;
    }
    // Functions that only call others have a total, and are the user's own or not worth a row.
    for (index, &total_ns) in totals.by_function_ns.iter().enumerate() {
        let id = FunctionId::from_index(index);
        if total_ns > 0.0 && !is_library(profile, id) && !is_machinery(profile, id) {
            own.entry(id).or_default();
        }
    }
    let total_ns = |id: FunctionId| totals.by_function_ns[id.index()];
    let mut ranked: Vec<(FunctionId, (Cost, usize))> = own.into_iter().collect();
    ranked.sort_by(|(id_a, (a, _)), (id_b, (b, _))| {
        (b.total_ns().total_cmp(&a.total_ns()))
            .then(total_ns(*id_b).total_cmp(&total_ns(*id_a)))
            .then(id_a.cmp(id_b))
    });
    ranked.truncate(limit);
    let function = |(id, (own, lines)): (FunctionId, (Cost, usize))| {
        let (share, interval) = estimate(own.total_ns());
        HotFunction {
            place: Place::of_function(profile, id),
            own,
            total_ns: total_ns(id),
            share,
            total_share: estimate(total_ns(id)).0,
            interval,
            lines,
        }
    };
    ranked.into_iter().map(function).collect()
}

/// The entry with the largest value; ties go to the smallest key, so that the answer is stable.
pub(crate) fn heaviest<K: Clone + Ord>(entries: &FxHashMap<K, f64>) -> Option<K> {
    entries
        .iter()
        .max_by(|(key_a, a), (key_b, b)| a.total_cmp(b).then_with(|| key_b.cmp(key_a)))
        .map(|(key, _)| key.clone())
}

/// Inclusive time by frame and by function.
struct Totals {
    by_frame_ns: Vec<f64>,
    by_function_ns: Vec<f64>,
}

impl Totals {
    fn of(profile: &Profile, by_stack_ns: &[f64]) -> Self {
        let frames = profile.places.frames();
        let itself: Vec<usize> = (0..frames.len()).collect();
        let function: Vec<usize> = frames.iter().map(|f| f.function.index()).collect();
        let functions = profile.places.functions().len();
        Self {
            by_frame_ns: inclusive(profile, by_stack_ns, &itself, frames.len()),
            by_function_ns: inclusive(profile, by_stack_ns, &function, functions),
        }
    }
}

/// Inclusive time by any grouping of frames into `slots` slots. A slot counts once a stack however
/// often the stack passes it: that is what makes recursion come out right.
pub(crate) fn inclusive(
    profile: &Profile,
    by_stack_ns: &[f64],
    slot_of_frame: &[usize],
    slots: usize,
) -> Vec<f64> {
    let mut by_slot_ns = vec![0.0; slots];
    let mut last_seen = vec![usize::MAX; slots];
    for (index, &ns) in by_stack_ns.iter().enumerate().filter(|(_, ns)| **ns > 0.0) {
        for frame in profile.places.frames_of(Some(StackId::from_index(index))) {
            let slot = slot_of_frame[frame.index()];
            if std::mem::replace(&mut last_seen[slot], index) != index {
                by_slot_ns[slot] += ns;
            }
        }
    }
    by_slot_ns
}

impl HotLine {
    /// True when most of its own time went by waiting.
    pub fn mostly_waits(&self) -> bool {
        self.own.mostly() == Some(Doing::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Python, Sleep};

    fn hot_of(profile: &Profile, options: &HotOptions) -> Hot {
        hot(profile, &Elapsed::of(profile), options)
    }

    #[test]
    fn recursion_counts_once_a_stack() {
        let mut s = Sketch::new("fib.py");
        let main = s.main();
        s.spend(
            main,
            Python,
            600,
            "<module> fib.py:5; fib fib.py:3; fib fib.py:3; fib fib.py:2",
        );
        s.spend(
            main,
            Python,
            400,
            "<module> fib.py:5; fib fib.py:3; fib fib.py:3",
        );
        let profile = s.finish();
        let hot = hot_of(&profile, &HotOptions::default());
        let fib = &hot.functions[0];
        assert_eq!(fib.place.function, "fib");
        assert_eq!(fib.own.total_ns(), 1e9);
        assert_eq!(fib.total_ns, 1e9);
        assert_eq!(fib.lines, 2);
        let line_3 = hot.lines.iter().find(|l| l.place.line == 3).unwrap();
        assert_eq!(line_3.own.total_ns(), 4e8);
        assert_eq!(line_3.total_ns, 1e9);
    }

    #[test]
    fn library_time_is_charged_to_the_line_that_called_it() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        let stack =
            "parse app.py:7; loads lib/json/__init__.py:9; raw_decode lib/json/decoder.py:3";
        s.spend(main, Python, 900, stack);
        s.spend(main, Python, 100, "parse app.py:7");
        let profile = s.finish();
        let folded = hot_of(&profile, &HotOptions::default());
        assert_eq!(folded.lines[0].place.short(), "app.py:7");
        assert_eq!(folded.lines[0].share, 1.0);
        let inside = folded.lines[0].inside.as_ref().unwrap();
        assert_eq!(inside.function, "raw_decode");
        let plain = hot_of(
            &profile,
            &HotOptions {
                fold_library: false,
                ..HotOptions::default()
            },
        );
        assert_eq!(plain.lines[0].place.short(), "json/decoder.py:3");
        assert_eq!(plain.lines[0].share, 0.9);
    }

    #[test]
    fn waiting_can_be_left_out_and_threads_picked() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.spend(main, Sleep, 900, "nap app.py:9");
        s.spend(main, Python, 100, "work app.py:2");
        let other = s.thread("other");
        s.spend(other, Python, 500, "spin app.py:4");
        let profile = s.finish();
        let running = HotOptions {
            waiting: false,
            ..HotOptions::default()
        };
        let first = |options| hot_of(&profile, options).lines[0].place.line;
        assert_eq!(first(&running), 4);
        let main_only = HotOptions {
            thread: Some(main),
            ..HotOptions::default()
        };
        assert_eq!(first(&main_only), 9);
        assert_eq!(hot_of(&profile, &main_only).lines[0].share, 0.9);
    }
}
