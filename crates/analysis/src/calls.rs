//! Who called whom, how often, and how long it took: exact from traced calls, estimated from samples.
//!
//! A trace keeps call *paths*. This room folds them into functions and the edges between them, by
//! the rules of CPython's `Modules/_lsprof.c`, so that the numbers mean what `cProfile`'s mean:
//!
//! - a call is an activation or the resumption of a generator or coroutine;
//! - a call is *primitive* where its function is not on the path already;
//! - cumulative time is that of primitive calls only, so recursion does not multiply it;
//! - the same holds for each pair of caller and function, by itself.
//!
//! Functions are one where `pstats` cannot tell them apart: equal in file, line of the `def` and
//! `co_name`. Two lambdas on one line are added up; `cProfile` keeps the last and drops the other.

mod paths;
mod table;

use paths::Paths;
use pitstop_model::{CallCost, FileKind, Profile, Row, ThreadId};
use std::sync::Arc;

pub use table::{CallTable, Caller, FunctionCalls, Label};

/// Functions with what they cost and who called them.
#[derive(Clone, Debug, Default)]
pub struct CallGraph {
    /// True when calls are samples.
    pub is_sampled: bool,
    /// The functions, in the order they were met: callers before what they call first.
    pub functions: Vec<TracedFunction>,
}

/// A function with what it cost.
#[derive(Clone, Debug)]
pub struct TracedFunction {
    /// What `pstats` calls it.
    pub label: Label,
    /// Its qualified name, where that is known; of several with the same label, the first one met.
    pub qualname: Arc<str>,
    /// The name of its file to show, relative to the working directory or the library's root.
    pub short_file: Arc<str>,
    /// Whose code it is, where that is known.
    pub kind: Option<FileKind>,
    /// Everything that was counted and timed in it.
    pub cost: CallCost,
    /// Calls and resumptions at which it was not on the path already.
    pub primitive: u64,
    /// Time of the primitive calls with all they called, in nanoseconds.
    pub cumulative_ns: u64,
    /// Its own time by line, ascending; line 0 holds what is known of no line.
    pub lines: Vec<(u32, u64)>,
    /// Who called it, by position in the list of functions, ascending.
    pub callers: Vec<(usize, CallEdge)>,
}

impl TracedFunction {
    /// A function without costs.
    fn new(label: Label, qualname: Arc<str>, short_file: Arc<str>, kind: Option<FileKind>) -> Self {
        Self {
            label,
            qualname,
            short_file,
            kind,
            cost: CallCost::default(),
            primitive: 0,
            cumulative_ns: 0,
            lines: Vec::new(),
            callers: Vec::new(),
        }
    }

    /// True for a function without Python code.
    pub fn is_native(&self) -> bool {
        &*self.label.file == "~"
    }

    /// Calls and resumptions together: what `cProfile` counts as calls.
    pub fn calls(&self) -> u64 {
        self.cost.calls.saturating_add(self.cost.resumptions)
    }
}

/// A function as called by one caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallEdge {
    /// Calls and resumptions.
    pub calls: u64,
    /// Those at which the same pair of caller and function was not on the path already.
    pub primitive: u64,
    /// Own time of the function when called by this caller, in nanoseconds.
    pub self_ns: u64,
    /// Time of the primitive calls with all they called, in nanoseconds.
    pub cumulative_ns: u64,
    /// The same split by the line of the caller that made the call (0 where unknown), ascending.
    pub sites: Vec<(u32, CallSite)>,
}

/// The calls of one function from one line of one caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSite {
    /// Calls and resumptions.
    pub calls: u64,
    /// Time of the primitive calls of the edge from here, in nanoseconds.
    pub cumulative_ns: u64,
}

impl CallGraph {
    /// Folds the traced calls of a profile; of one thread only, if one is given.
    pub fn of(profile: &Profile, thread: Option<ThreadId>) -> Self {
        let mut paths = Paths::of(profile);
        for (path, cost) in profile.calls.iter() {
            if thread.is_none_or(|wanted| wanted == path.thread) {
                paths.charge(profile, path.stack, &cost);
            }
        }
        paths.fold()
    }

    /// Folds samples, those whose rows are kept, in the same way: a sample is a call of every
    /// function that it saw, once however often that stands in its stack. Samples without a stack
    /// become functions with names in brackets, so that no time is missing.
    pub fn of_samples(profile: &Profile, keep: impl Fn(&Row) -> bool) -> Self {
        let mut paths = Paths::of(profile);
        for (row, samples, self_ns) in profile.series.iter().filter(|(row, ..)| keep(row)) {
            let cost = CallCost {
                calls: samples,
                self_ns,
                ..CallCost::default()
            };
            match row.stack {
                Some(stack) => paths.charge(profile, stack, &cost),
                None => paths.charge_stackless(row.verdict, &cost),
            }
        }
        for index in (0..paths.nodes.len()).rev() {
            if let Some(parent) = paths.nodes[index].parent {
                paths.nodes[parent].cost.calls += paths.nodes[index].cost.calls;
            }
        }
        let mut graph = paths.fold();
        graph.is_sampled = true;
        for function in &mut graph.functions {
            function.cost.calls = function.primitive;
            for (_, edge) in &mut function.callers {
                edge.calls = edge.primitive;
            }
        }
        graph
    }

    /// Own time of all functions, in nanoseconds. With several threads, more than the clock showed.
    pub fn total_ns(&self) -> u64 {
        let own = self.functions.iter().map(|function| function.cost.self_ns);
        own.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A function's numbers as `_lsprof` keeps them: calls, recursive calls, own and total time.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Entry {
        calls: u64,
        recursive: u64,
        own: u64,
        total: u64,
        level: u32,
    }

    impl Entry {
        fn leave(&mut self, total: u64, own: u64) {
            self.level -= 1;
            self.calls += 1;
            self.own += own;
            if self.level == 0 {
                self.total += total;
            } else {
                self.recursive += 1;
            }
        }
    }

    type Entries = (BTreeMap<usize, Entry>, BTreeMap<(usize, usize), Entry>);

    /// What `_lsprof` makes of the events: each enters a function or leaves the innermost one, one
    /// tick after the event before. What is still entered in the end is left then.
    fn lsprof(events: &[Option<usize>], mut charge: impl FnMut(&[usize], bool)) -> Entries {
        struct Context {
            start: u64,
            inside: u64,
        }
        let (mut functions, mut pairs): Entries = Default::default();
        let mut path: Vec<usize> = Vec::new();
        let mut contexts: Vec<Context> = Vec::new();
        let ends = std::iter::repeat_n(&None, events.len());
        for (now, event) in (0u64..).zip(events.iter().chain(ends)) {
            if !path.is_empty() {
                charge(&path, false);
            }
            if let &Some(function) = event {
                if let Some(&caller) = path.last() {
                    pairs.entry((caller, function)).or_default().level += 1;
                }
                functions.entry(function).or_default().level += 1;
                path.push(function);
                charge(&path, true);
                contexts.push(Context {
                    start: now,
                    inside: 0,
                });
            } else if let (Some(function), Some(context)) = (path.pop(), contexts.pop()) {
                let total = now - context.start;
                let own = total - context.inside;
                functions.entry(function).or_default().leave(total, own);
                if let (Some(&caller), Some(around)) = (path.last(), contexts.last_mut()) {
                    around.inside += total;
                    let pair = pairs.entry((caller, function)).or_default();
                    pair.leave(total, own);
                }
            }
        }
        (functions, pairs)
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_lsprof(
            events in prop::collection::vec(prop::option::weighted(0.6, 0..4usize), 0..80),
        ) {
            let mut sketch = Sketch::new("app.py");
            let main = sketch.main();
            // Each function calls from a line that depends on what it calls.
            let text = |path: &[usize]| {
                let frames = path.iter().enumerate().map(|(depth, function)| {
                    let line = path.get(depth + 1).map_or(0, |callee| 10 + callee % 2);
                    format!("f{function} app.py:{line}")
                });
                frames.collect::<Vec<_>>().join("; ")
            };
            let (functions, pairs) = lsprof(&events, |path, begins| {
                let cost = CallCost {
                    calls: begins.into(),
                    self_ns: (!begins).into(),
                    ..CallCost::default()
                };
                sketch.cost(main, &text(path), cost);
            });
            let graph = CallGraph::of(&sketch.finish(), None);
            prop_assert_eq!(graph.functions.len(), functions.len());
            let number = |function: &TracedFunction| {
                function.label.name[1..].parse::<usize>().expect("f0 to f3")
            };
            let mut edges = 0;
            for function in &graph.functions {
                let entry = functions[&number(function)];
                prop_assert_eq!(function.calls(), entry.calls);
                prop_assert_eq!(function.primitive, entry.calls - entry.recursive);
                prop_assert_eq!(function.cost.self_ns, entry.own);
                prop_assert_eq!(function.cumulative_ns, entry.total);
                for (caller, edge) in &function.callers {
                    let caller = number(&graph.functions[*caller]);
                    let entry = pairs[&(caller, number(function))];
                    prop_assert_eq!(edge.calls, entry.calls);
                    prop_assert_eq!(edge.primitive, entry.calls - entry.recursive);
                    prop_assert_eq!(edge.self_ns, entry.own);
                    prop_assert_eq!(edge.cumulative_ns, entry.total);
                    let sites = edge.sites.iter().map(|(_, site)| site);
                    prop_assert_eq!(sites.clone().map(|site| site.calls).sum::<u64>(), edge.calls);
                    let ns = sites.map(|site| site.cumulative_ns).sum::<u64>();
                    prop_assert_eq!(ns, edge.cumulative_ns);
                    edges += 1;
                }
            }
            prop_assert_eq!(edges, pairs.len());
        }
    }

    #[test]
    fn threads_are_added_up_or_taken_one_by_one() {
        let mut s = Sketch::new("app.py");
        let (main, worker) = (s.main(), s.thread("worker"));
        s.call(main, 1, 100, "<module> app.py:0");
        s.call(main, 3, 10, "<module> app.py:7; work app.py:0");
        s.call(worker, 5, 10, "run app.py:9; work app.py:0");
        let profile = s.finish();
        let calls_of = |thread| {
            let graph = CallGraph::of(&profile, thread);
            let names = graph.functions.iter();
            names
                .map(|f| (f.label.name.to_string(), f.calls(), f.callers.len()))
                .collect::<Vec<_>>()
        };
        let one = |name: &str, calls, callers| (name.to_owned(), calls, callers);
        assert_eq!(
            calls_of(None),
            [one("<module>", 1, 0), one("work", 8, 2), one("run", 0, 0)]
        );
        assert_eq!(
            calls_of(Some(worker)),
            [one("work", 5, 1), one("run", 0, 0)]
        );
    }

    #[test]
    fn resumptions_are_calls_and_labels_that_are_equal_are_one_function() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        let generator = CallCost {
            calls: 1,
            resumptions: 10,
            self_ns: 50,
            waited_ns: 7000,
            ..CallCost::default()
        };
        s.cost(main, "<module> app.py:3; numbers app.py:0", generator);
        s.call(main, 2, 1, "<module> app.py:4; A.<lambda> app.py:0");
        s.call(main, 3, 1, "<module> app.py:4; B.<lambda> app.py:0");
        s.call(
            main,
            9,
            1,
            "<module> app.py:5; <built-in method builtins.len> ~:0",
        );
        let graph = CallGraph::of(&s.finish(), None);
        let printed: Vec<_> = graph
            .functions
            .iter()
            .map(|f| (f.label.to_string(), f.calls(), f.cost.waited_ns))
            .collect();
        let one = |name: &str, calls, waited| (name.to_owned(), calls, waited);
        assert_eq!(
            printed,
            [
                one("app.py:1(<module>)", 0, 0),
                one("app.py:1(numbers)", 11, 7000),
                one("app.py:1(<lambda>)", 5, 0),
                one("{built-in method builtins.len}", 9, 0),
            ]
        );
        assert_eq!(graph.functions[2].callers[0].1.sites.len(), 1);
    }
}
