//! Samples merged into a tree by their common beginnings: root, process, thread, frames.

use super::activity::{Activity, Split};
use crate::Options;
use crate::place::{Place, places};
use crate::selection::selected;
use pitstop_model::{ProcessId, Profile, ThreadId};
use rustc_hash::FxHashMap;

/// What a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Everything.
    Root,
    Process(ProcessId),
    Thread(ThreadId),
    Place(Place),
}

/// All samples whose stacks begin in one way.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) step: Step,
    /// Most time first; of equals, the one seen first.
    pub(super) children: Vec<usize>,
    pub(super) total_ns: u64,
    /// The part of `total_ns` that no child has.
    pub(super) self_ns: u64,
    pub(super) split: Split,
    /// How many nodes are below this one.
    pub(super) below: usize,
}

/// Nodes with the root first and every parent before its children.
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) processes: usize,
    pub(super) threads: usize,
    pub(super) samples: u64,
}

impl Tree {
    /// The root's place in `nodes`.
    pub(super) const ROOT: usize = 0;

    /// Merges the selected samples. A level that would hold one node, such as the only process,
    /// is left out.
    pub(super) fn new(profile: &Profile, options: &Options) -> Self {
        let rows: Vec<_> = selected(profile, options.selection).collect();
        let mut threads: Vec<ThreadId> = rows.iter().map(|one| one.row.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        let process_of = |thread| profile.timeline.thread(thread).process;
        let mut processes: Vec<ProcessId> = threads.iter().map(|&id| process_of(id)).collect();
        processes.sort_unstable();
        processes.dedup();

        let mut grower = Grower::new(match threads[..] {
            [only] => Step::Thread(only),
            _ => Step::Root,
        });
        for one in &rows {
            let mut path = Vec::new();
            if processes.len() > 1 {
                path.push(Step::Process(process_of(one.row.thread)));
            }
            if threads.len() > 1 {
                path.push(Step::Thread(one.row.thread));
            }
            path.extend(
                places(profile, one.row, options.granularity)
                    .into_iter()
                    .map(Step::Place),
            );
            grower.add(&path, one.wall_ns, Activity::of(one.row.state));
        }
        Self {
            nodes: grower.finish(),
            processes: processes.len(),
            threads: threads.len(),
            samples: rows.iter().map(|one| one.samples).sum(),
        }
    }

    /// The time of all samples.
    pub(super) fn total_ns(&self) -> u64 {
        self.nodes[Self::ROOT].total_ns
    }
}

struct Grower {
    nodes: Vec<Node>,
    by_step: FxHashMap<(usize, Step), usize>,
}

impl Grower {
    fn new(root: Step) -> Self {
        Self {
            nodes: vec![node(root)],
            by_step: FxHashMap::default(),
        }
    }

    fn add(&mut self, path: &[Step], wall_ns: u64, activity: Activity) {
        let mut at = Tree::ROOT;
        self.count(at, wall_ns, activity);
        for &step in path {
            let next = self.nodes.len();
            let child = *self.by_step.entry((at, step)).or_insert(next);
            if child == next {
                self.nodes.push(node(step));
                self.nodes[at].children.push(child);
            }
            at = child;
            self.count(at, wall_ns, activity);
        }
        self.nodes[at].self_ns += wall_ns;
    }

    fn count(&mut self, at: usize, wall_ns: u64, activity: Activity) {
        self.nodes[at].total_ns += wall_ns;
        self.nodes[at].split[activity as usize] += wall_ns;
    }

    fn finish(mut self) -> Vec<Node> {
        for at in (0..self.nodes.len()).rev() {
            let mut children = std::mem::take(&mut self.nodes[at].children);
            children.sort_by_key(|&child| std::cmp::Reverse(self.nodes[child].total_ns));
            self.nodes[at].below = children
                .iter()
                .map(|&child| self.nodes[child].below + 1)
                .sum();
            self.nodes[at].children = children;
        }
        self.nodes
    }
}

fn node(step: Step) -> Node {
    Node {
        step,
        children: Vec::new(),
        total_ns: 0,
        self_ns: 0,
        split: Split::default(),
        below: 0,
    }
}
