//! Call paths as a tree, and how they fold into functions and edges.

use super::{CallEdge, CallGraph, CallSite, Label, TracedFunction};
use pitstop_model::{CallCost, FunctionId, Id, Profile, StackId, Verdict};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A function called on a path, from a line of the function before it.
pub(super) struct Node {
    pub(super) parent: Option<usize>,
    /// The function, by position in the graph.
    function: usize,
    /// The line of the call in the parent; 0 where unknown.
    line: u32,
    pub(super) cost: CallCost,
    /// Own time with that of all below, in nanoseconds.
    inclusive_ns: u64,
    first_child: Option<usize>,
    next_sibling: Option<usize>,
    /// True for samples whose stack is not known.
    is_stackless: bool,
}

impl Node {
    fn new(parent: Option<usize>, function: usize, line: u32) -> Self {
        Self {
            parent,
            function,
            line,
            cost: CallCost::default(),
            inclusive_ns: 0,
            first_child: None,
            next_sibling: None,
            is_stackless: false,
        }
    }
}

/// The call paths as a tree: callers before what they call.
pub(super) struct Paths {
    functions: Vec<TracedFunction>,
    pub(super) nodes: Vec<Node>,
    /// The node of each stack.
    by_stack: Vec<usize>,
    /// Own time by function and line, in nanoseconds.
    lines: FxHashMap<(usize, u32), u64>,
}

impl Paths {
    /// The tree of all stacks, without costs.
    pub(super) fn of(profile: &Profile) -> Self {
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
                nodes.push(Node::new(parent, function, line));
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
            lines: FxHashMap::default(),
        }
    }

    /// Adds a cost at a stack.
    pub(super) fn charge(&mut self, profile: &Profile, stack: StackId, cost: &CallCost) {
        let node = &mut self.nodes[self.by_stack[stack.index()]];
        add(&mut node.cost, cost);
        let line = profile.places.frame(profile.places.stack(stack).frame).line;
        *self.lines.entry((node.function, line)).or_default() += cost.self_ns;
    }

    /// Adds the cost of samples without a stack.
    pub(super) fn charge_stackless(&mut self, verdict: Verdict, cost: &CallCost) {
        let name: Arc<str> = match verdict {
            Verdict::Exact | Verdict::Validated => "[no Python frames]".into(),
            Verdict::Partial(reason) | Verdict::Failed(reason) => {
                format!("[stack not read: {}]", reason.text()).into()
            }
        };
        let known = (0..self.nodes.len()).rev();
        let mut known = known.take_while(|&index| self.nodes[index].is_stackless);
        let known = known.find(|&index| {
            let function = self.nodes[index].function;
            self.functions[function].label.name == name
        });
        let index = known.unwrap_or_else(|| {
            let label = Label {
                file: "~".into(),
                line: 0,
                name: name.clone(),
            };
            let function = TracedFunction::new(label, name, "".into(), None);
            self.functions.push(function);
            self.nodes.push(Node {
                is_stackless: true,
                ..Node::new(None, self.functions.len() - 1, 0)
            });
            self.nodes.len() - 1
        });
        let node = &mut self.nodes[index];
        add(&mut node.cost, cost);
        *self.lines.entry((node.function, 0)).or_default() += cost.self_ns;
    }

    /// Sums times up towards the callers.
    fn sum_up(&mut self) {
        for node in &mut self.nodes {
            node.inclusive_ns = node.cost.self_ns;
        }
        // A parent comes before its children, so all of a node is there when its turn comes.
        for index in (0..self.nodes.len()).rev() {
            if let Some(parent) = self.nodes[index].parent {
                self.nodes[parent].inclusive_ns += self.nodes[index].inclusive_ns;
            }
        }
    }

    /// Walks the tree with a count of how often each function, and each pair, is on the path.
    pub(super) fn fold(mut self) -> CallGraph {
        self.sum_up();
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
            let calls = node.cost.calls.saturating_add(node.cost.resumptions);
            let function = &mut self.functions[node.function];
            add(&mut function.cost, &node.cost);
            if levels[node.function] == 0 {
                function.primitive = function.primitive.saturating_add(calls);
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
        for ((function, line), ns) in std::mem::take(&mut self.lines) {
            if ns > 0 {
                self.functions[function].lines.push((line, ns));
            }
        }
        for function in &mut self.functions {
            function.callers.sort_by_key(|&(caller, _)| caller);
            function.lines.sort_unstable();
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
        CallGraph {
            is_sampled: false,
            functions,
        }
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
        edge.calls = edge.calls.saturating_add(calls);
        edge.self_ns += node.cost.self_ns;
        let counted_ns = if first { node.inclusive_ns } else { 0 };
        edge.cumulative_ns += counted_ns;
        edge.primitive = edge.primitive.saturating_add(if first { calls } else { 0 });
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
        let site = &mut edge.sites[at].1;
        site.calls = site.calls.saturating_add(calls);
        site.cumulative_ns += counted_ns;
    }
}

/// Saturates: of samples, a function's calls count for each of its places on a path.
fn add(sum: &mut CallCost, cost: &CallCost) {
    sum.calls = sum.calls.saturating_add(cost.calls);
    sum.resumptions = sum.resumptions.saturating_add(cost.resumptions);
    sum.raised = sum.raised.saturating_add(cost.raised);
    sum.self_ns = sum.self_ns.saturating_add(cost.self_ns);
    sum.raw_self_ns = sum.raw_self_ns.saturating_add(cost.raw_self_ns);
    sum.waited_ns = sum.waited_ns.saturating_add(cost.waited_ns);
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
            let function = profile.places.function(id);
            let file = profile.places.file(function.file);
            let qualname = match profile.text(function.qualname) {
                "" => label.name.clone(),
                qualname => qualname.into(),
            };
            let short_file = match profile.text(file.short) {
                "" => label.file.clone(),
                short => short.into(),
            };
            let kind = Some(file.kind);
            self.functions
                .push(TracedFunction::new(label, qualname, short_file, kind));
        }
        self.by_function.insert(id, number);
        number
    }
}
