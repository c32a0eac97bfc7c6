//! The call tree of each thread, with library code folded and small branches cut.
//!
//! A node is a function; calls from different lines of its caller are one. What is folded:
//!
//! - the machinery that starts programs, threads and workers and imports modules, entirely;
//! - of consecutive library frames all but the first, which is what the user's code called;
//! - direct recursion, into one node that knows how deep it went.
//!
//! A thread that never runs the user's code is shown unfolded: there is nothing else to see.

mod folded;
mod grown;
mod layout;

use crate::cost::Cost;
use crate::fold::is_library;
use crate::lifespan::{Lifespans, Phase};
use crate::place::Place;
use crate::threads::{ThreadTotals, threads};
use crate::wait::WaitFor;
use folded::Folded;
use grown::Grown;
use pitstop_model::{Id, Profile, Row, RowId, ThreadId};
use rustc_hash::FxHashMap;

/// What to show of the trees.
#[derive(Clone, Debug)]
pub struct TreeOptions {
    /// Fold library frames.
    pub fold_library: bool,
    /// Branches with a smaller share (0 to 1) of their thread's time are cut.
    pub min_share: f64,
    /// Show one thread only.
    pub thread: Option<ThreadId>,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            fold_library: true,
            min_share: 0.01,
            thread: None,
        }
    }
}

/// The call trees of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// One tree a thread: main threads first, then the busiest.
    pub threads: Vec<ThreadTree>,
    /// Threads that did nothing but wait. They get no tree unless asked for.
    pub idle: Vec<ThreadTotals>,
    /// The number of processes of the run.
    pub processes: usize,
}

/// The call tree of one thread.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadTree {
    /// The thread, with its total time, which shares are of.
    pub thread: ThreadTotals,
    /// The command line of its process.
    pub command: String,
    /// The nodes in the order to show them: callers first, costliest branch first.
    pub nodes: Vec<TreeNode>,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A function.
    Function(Place),
    /// The parent's own time, where the parent also has branches.
    Own,
    /// This many branches of the parent that were cut for being small.
    Cut(usize),
    /// Time of the machinery alone that starts programs and threads and imports modules.
    Machinery,
    /// Time without a Python stack because the interpreter was starting or ending.
    Phase(Phase),
    /// Other time without a Python stack.
    Stackless,
}

/// A row with its samples and nanoseconds, or the part of it that was spent in a phase.
struct Timed {
    row: Row,
    count: u64,
    ns: f64,
    phase: Option<Phase>,
}

/// A node of a call tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeNode {
    /// The position of its caller in the list of nodes; `None` for an outermost one.
    pub parent: Option<usize>,
    /// The number of its callers.
    pub depth: usize,
    /// True for the last of its caller's nodes.
    pub last: bool,
    /// What it stands for.
    pub kind: NodeKind,
    /// The time in it and everything it called.
    pub total: Cost,
    /// The time in itself, folded frames included.
    pub own: Cost,
    /// The share (0 to 1) of its total in its thread's time.
    pub share: f64,
    /// The number of distinct library functions folded into it.
    pub folded: usize,
    /// How deep it recursed directly; 1 for no recursion.
    pub recursion: u32,
    /// What it waited longest for itself.
    pub waits_for: Option<WaitFor>,
}

/// Makes the call trees of a profile.
pub fn tree(profile: &Profile, options: &TreeOptions) -> Tree {
    let rows = timed_rows(profile);
    let folded = Folded::of(profile, options.fold_library);
    let plain = options.fold_library.then(|| Folded::of(profile, false));
    let mut answer = Tree {
        processes: profile.timeline.processes.len(),
        ..Tree::default()
    };
    for thread in threads(profile) {
        if options.thread.is_some_and(|wanted| wanted != thread.id) {
            continue;
        }
        if thread.is_idle() && options.thread.is_none() {
            answer.idle.push(thread);
            continue;
        }
        let rows = &rows[&thread.id];
        let own_code = rows.iter().any(|timed| {
            let frames = profile.places.frames_of(timed.row.stack);
            frames
                .map(|frame| profile.places.frame(frame).function)
                .any(|function| !is_library(profile, function))
        });
        let shape = if own_code {
            &folded
        } else {
            plain.as_ref().unwrap_or(&folded)
        };
        let process = profile.timeline.thread(thread.id).process;
        let command = profile.timeline.process(process).command;
        let grown = Grown::of(profile, shape, rows);
        let nodes = layout::nodes(profile, shape, &grown, options.min_share);
        answer.threads.push(ThreadTree {
            command: profile.text(command).to_owned(),
            nodes,
            thread,
        });
    }
    answer
}

/// The rows of each thread that have samples, those without a stack in their parts.
fn timed_rows(profile: &Profile) -> FxHashMap<ThreadId, Vec<Timed>> {
    let spans = Lifespans::of(profile);
    let mut rows: FxHashMap<ThreadId, Vec<Timed>> = FxHashMap::default();
    for (index, (row, count, ns)) in profile.series.iter().enumerate() {
        let (mut rest, mut rest_ns) = (count, ns);
        let of_thread = rows.entry(row.thread).or_default();
        let mut add = |count, ns: u64, phase| {
            if count > 0 {
                let ns = ns as f64;
                of_thread.push(Timed {
                    row,
                    count,
                    ns,
                    phase,
                });
            }
        };
        for phase in [Phase::Starting, Phase::Ending] {
            let (count, ns) = spans.part(RowId::from_index(index), phase);
            (rest, rest_ns) = (rest.saturating_sub(count), rest_ns.saturating_sub(ns));
            add(count, ns, Some(phase));
        }
        add(rest, rest_ns, None);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Lock, Python, Sleep};

    /// The trees as text: indentation, milliseconds, name, remarks.
    fn drawn(profile: &Profile, options: &TreeOptions) -> String {
        let mut out = String::new();
        for thread in tree(profile, options).threads {
            out += &format!("{}\n", thread.thread.name);
            for node in thread.nodes {
                let name = match &node.kind {
                    NodeKind::Function(place) => place.function.clone(),
                    other => format!("{other:?}"),
                };
                let ms = node.total.total_ns() / 1e6;
                let indent = " ".repeat(node.depth + 1);
                out += &format!("{indent}{ms} {name}");
                if node.folded > 0 {
                    out += &format!(" +{}", node.folded);
                }
                if node.recursion > 1 {
                    out += &format!(" x{}", node.recursion);
                }
                out += "\n";
            }
        }
        out
    }

    #[test]
    fn library_frames_fold_and_small_branches_are_counted() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        let start = "_run_code lib/runpy.py:1; <module> app.py:9";
        s.spend(main, Python, 500, &format!("{start}; a app.py:3"));
        s.spend(main, Python, 100, &format!("{start}; a app.py:4; loads lib/json/__init__.py:1; decode lib/json/decoder.py:2; scan lib/json/scanner.py:5"));
        s.spend(
            main,
            Python,
            300,
            &format!("{start}; run lib/calls.py:4; inner lib/calls.py:9; back app.py:7"),
        );
        s.spend(main, Python, 95, start);
        for n in 0..5 {
            s.spend(main, Python, 1, &format!("{start}; tiny{n} app.py:8"));
        }
        assert_eq!(
            drawn(&s.finish(), &TreeOptions::default()),
            "MainThread\n 1000 <module>\n  600 a\n   500 Own\n   100 loads +2\n  300 run +1\n   300 back\n  95 Own\n  5 Cut(5)\n"
        );
    }

    #[test]
    fn what_has_no_stack_of_its_own_says_why() {
        let mut s = Sketch::new("app.py").keeping_moments();
        let main = s.main();
        s.spend(main, Python, 20, "");
        s.spend(
            main,
            Python,
            10,
            "_find_and_load <frozen importlib._bootstrap>:1",
        );
        s.spend(main, Python, 60, "<module> app.py:3");
        s.spend(main, Python, 4, "");
        s.spend(main, Python, 1, "<module> app.py:4");
        s.spend(main, Python, 5, "");
        assert_eq!(
            drawn(&s.finish(), &TreeOptions::default()),
            "MainThread\n 61 <module>\n 20 Phase(Starting)\n 10 Machinery\n 5 Phase(Ending)\n \
             4 Stackless\n"
        );
    }

    #[test]
    fn direct_recursion_is_one_node() {
        let mut s = Sketch::new("fib.py");
        let main = s.main();
        s.spend(
            main,
            Python,
            60,
            "<module> fib.py:5; fib fib.py:3; fib fib.py:3; fib fib.py:2",
        );
        s.spend(main, Python, 40, "<module> fib.py:5; fib fib.py:3");
        assert_eq!(
            drawn(&s.finish(), &TreeOptions::default()),
            "MainThread\n 100 <module>\n  100 fib x3\n"
        );
    }

    #[test]
    fn idle_threads_are_listed_and_library_threads_unfolded() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        s.spend(main, Python, 50, "<module> app.py:5");
        s.spend_unread(main, 50);
        let pool = s.thread("pool");
        s.spend(
            pool,
            Lock,
            100,
            "_bootstrap lib/threading.py:1; get lib/queue.py:3",
        );
        let library = s.thread("library");
        s.spend(library, Sleep, 50, "poll lib/loop.py:1; step lib/loop.py:2");
        s.spend(
            library,
            Python,
            50,
            "poll lib/loop.py:1; step lib/loop.py:2",
        );
        let profile = s.finish();
        assert_eq!(
            drawn(&profile, &TreeOptions::default()),
            "MainThread\n 50 <module>\n 50 Stackless\nlibrary\n 100 poll\n  100 step\n"
        );
        let idle = tree(&profile, &TreeOptions::default()).idle;
        assert_eq!(idle.len(), 1);
        assert_eq!(idle[0].name, "pool");
    }

    #[test]
    fn very_deep_stacks_are_no_trouble() {
        let mut s = Sketch::new("deep.py");
        let main = s.main();
        let deep: Vec<String> = (0..20_000)
            .map(|n| format!("f{} deep.py:{n}", n % 2))
            .collect();
        s.spend(main, Python, 100, &deep.join("; "));
        let tree = tree(&s.finish(), &TreeOptions::default());
        assert_eq!(tree.threads[0].nodes.len(), 20_000);
    }
}
