//! Who called whom, how often, and how long it took: exact, from traced calls.
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

mod table;

use pitstop_model::{CallCost, FileKind, FunctionId, Id, Profile, ThreadId};
use rustc_hash::FxHashMap;

pub use table::{CallTable, Caller, FunctionCalls, Label};

/// The functions of a trace with what they cost and who called them.
#[derive(Clone, Debug, Default)]
pub struct CallGraph {
    /// The functions, in the order they were met: callers before what they call first.
    pub functions: Vec<TracedFunction>,
}

/// A function with what it cost.
#[derive(Clone, Debug)]
pub struct TracedFunction {
    /// The function; the first one met, where several have the same label.
    pub function: FunctionId,
    /// What `pstats` calls it.
    pub label: Label,
    /// True for a function without Python code.
    pub is_native: bool,
    /// Everything that was counted and timed in it.
    pub cost: CallCost,
    /// Calls and resumptions at which it was not on the path already.
    pub primitive: u64,
    /// Time of the primitive calls with all they called, in nanoseconds.
    pub cumulative_ns: u64,
    /// Who called it, by position in the list of functions, ascending.
    pub callers: Vec<(usize, CallEdge)>,
}

impl TracedFunction {
    /// Calls and resumptions together: what `cProfile` counts as calls.
    pub fn calls(&self) -> u64 {
        self.cost.calls + self.cost.resumptions
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
        paths.charge(profile, thread);
        paths.fold()
    }

    /// Own time of all functions, in nanoseconds. With several threads, more than the clock showed.
    pub fn total_ns(&self) -> u64 {
        let own = self.functions.iter().map(|function| function.cost.self_ns);
        own.fold(0, u64::saturating_add)
    }
}

/// A function called on a path, from a line of the function before it.
struct Node {
    parent: Option<usize>,
    /// The function, by position in the graph.
    function: usize,
    /// The line of the call in the parent; 0 where unknown.
    line: u32,
    cost: CallCost,
    /// Own time with that of all below, in nanoseconds.
    inclusive_ns: u64,
    first_child: Option<usize>,
    next_sibling: Option<usize>,
}

/// The call paths as a tree: callers before what they call.
struct Paths {
    functions: Vec<TracedFunction>,
    nodes: Vec<Node>,
    /// The node of each stack.
    by_stack: Vec<usize>,
}

impl Paths {
    /// The tree of all stacks, without costs.
    fn of(profile: &Profile) -> Self {
        let places = &profile.places;
        let mut labels = Labels::default();
        let mut nodes: Vec<Node> = Vec::new();
        let mut by_stack: Vec<usize> = Vec::with_capacity(places.stacks().len());
        // The line a frame executes tells only where it calls from: frames of one function that
        // differ in nothing else are one node.
        let mut known: FxHashMap<(Option<usize>, usize, u32), usize> = FxHashMap::default();
        for stack in places.stacks() {
            let function = labels.number(profile, places.frame(stack.frame).function);
            let parent = stack.parent.map(|parent| by_stack[parent.index()]);
            let line = stack
                .parent
                .map_or(0, |parent| places.frame(places.stack(parent).frame).line);
            let node = *known.entry((parent, function, line)).or_insert_with(|| {
                nodes.push(Node {
                    parent,
                    function,
                    line,
                    cost: CallCost::default(),
                    inclusive_ns: 0,
                    first_child: None,
                    next_sibling: None,
                });
                nodes.len() - 1
            });
            by_stack.push(node);
        }
        for index in (0..nodes.len()).rev() {
            if let Some(parent) = nodes[index].parent {
                nodes[index].next_sibling = nodes[parent].first_child.replace(index);
            }
        }
        Self {
            functions: labels.functions,
            nodes,
            by_stack,
        }
    }

    /// Adds the costs of the calls, and sums them up towards the callers.
    fn charge(&mut self, profile: &Profile, thread: Option<ThreadId>) {
        for (path, cost) in profile.calls.iter() {
            if thread.is_none_or(|wanted| wanted == path.thread) {
                let node = &mut self.nodes[self.by_stack[path.stack.index()]];
                add(&mut node.cost, &cost);
                node.inclusive_ns += cost.self_ns;
            }
        }
        // A parent comes before its children, so all of a node is there when its turn comes.
        for index in (0..self.nodes.len()).rev() {
            if let Some(parent) = self.nodes[index].parent {
                self.nodes[parent].inclusive_ns += self.nodes[index].inclusive_ns;
            }
        }
    }

    /// Walks the tree with a count of how often each function, and each pair, is on the path.
    fn fold(mut self) -> CallGraph {
        let mut levels = vec![0u32; self.functions.len()];
        let mut pairs: FxHashMap<(usize, usize), Pair> = FxHashMap::default();
        let roots = (0..self.nodes.len()).filter(|&index| self.nodes[index].parent.is_none());
        let mut steps: Vec<Step> = roots.rev().map(Step::Enter).collect();
        while let Some(step) = steps.pop() {
            let (Step::Enter(index) | Step::Leave(index)) = step;
            let node = &self.nodes[index];
            let pair = node
                .parent
                .map(|parent| (self.nodes[parent].function, node.function));
            if matches!(step, Step::Leave(_)) {
                levels[node.function] -= 1;
                if let Some(pair) = pair.and_then(|pair| pairs.get_mut(&pair)) {
                    pair.level -= 1;
                }
                continue;
            }
            let calls = node.cost.calls + node.cost.resumptions;
            let function = &mut self.functions[node.function];
            add(&mut function.cost, &node.cost);
            if levels[node.function] == 0 {
                function.primitive += calls;
                function.cumulative_ns += node.inclusive_ns;
            }
            levels[node.function] += 1;
            if let Some(pair) = pair {
                pairs.entry(pair).or_default().enter(node, calls);
            }
            steps.push(Step::Leave(index));
            let mut child = node.first_child;
            while let Some(index) = child {
                steps.push(Step::Enter(index));
                child = self.nodes[index].next_sibling;
            }
        }
        for ((caller, function), pair) in pairs {
            if pair.edge.calls > 0 || pair.edge.cumulative_ns > 0 {
                self.functions[function].callers.push((caller, pair.edge));
            }
        }
        for function in &mut self.functions {
            function.callers.sort_by_key(|&(caller, _)| caller);
        }
        self.finish()
    }

    /// Leaves out the functions that only other threads, or samples, know.
    fn finish(self) -> CallGraph {
        let is_known = |function: &TracedFunction| {
            function.calls() > 0 || function.cumulative_ns > 0 || function.cost.waited_ns > 0
        };
        let mut moved = vec![None; self.functions.len()];
        let mut functions = Vec::new();
        for (index, function) in self.functions.into_iter().enumerate() {
            if is_known(&function) {
                moved[index] = Some(functions.len());
                functions.push(function);
            }
        }
        for function in &mut functions {
            function.callers = std::mem::take(&mut function.callers)
                .into_iter()
                .filter_map(|(caller, edge)| Some((moved[caller]?, edge)))
                .collect();
        }
        CallGraph { functions }
    }
}

/// A step of the walk.
#[derive(Clone, Copy)]
enum Step {
    Enter(usize),
    Leave(usize),
}

/// A pair of caller and function during the walk.
#[derive(Default)]
struct Pair {
    level: u32,
    edge: CallEdge,
}

impl Pair {
    fn enter(&mut self, node: &Node, calls: u64) {
        let first = self.level == 0;
        self.level += 1;
        let edge = &mut self.edge;
        edge.calls += calls;
        edge.self_ns += node.cost.self_ns;
        let counted_ns = if first { node.inclusive_ns } else { 0 };
        edge.cumulative_ns += counted_ns;
        edge.primitive += if first { calls } else { 0 };
        if calls == 0 && counted_ns == 0 {
            return;
        }
        let at = edge
            .sites
            .binary_search_by_key(&node.line, |&(line, _)| line);
        let at = at.unwrap_or_else(|at| {
            edge.sites.insert(at, (node.line, CallSite::default()));
            at
        });
        edge.sites[at].1.calls += calls;
        edge.sites[at].1.cumulative_ns += counted_ns;
    }
}

fn add(sum: &mut CallCost, cost: &CallCost) {
    sum.calls += cost.calls;
    sum.resumptions += cost.resumptions;
    sum.raised += cost.raised;
    sum.self_ns += cost.self_ns;
    sum.raw_self_ns += cost.raw_self_ns;
    sum.waited_ns += cost.waited_ns;
}

/// Functions by label.
#[derive(Default)]
struct Labels {
    functions: Vec<TracedFunction>,
    by_label: FxHashMap<Label, usize>,
    by_function: FxHashMap<FunctionId, usize>,
}

impl Labels {
    fn number(&mut self, profile: &Profile, id: FunctionId) -> usize {
        if let Some(&number) = self.by_function.get(&id) {
            return number;
        }
        let label = Label::of(profile, id);
        let next = self.functions.len();
        let number = *self.by_label.entry(label.clone()).or_insert(next);
        if number == next {
            let file = profile.places.function(id).file;
            self.functions.push(TracedFunction {
                function: id,
                label,
                is_native: profile.places.file(file).kind == FileKind::Native,
                cost: CallCost::default(),
                primitive: 0,
                cumulative_ns: 0,
                callers: Vec::new(),
            });
        }
        self.by_function.insert(id, number);
        number
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
