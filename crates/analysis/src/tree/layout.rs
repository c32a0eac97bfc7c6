//! The nodes of a thread's tree in the order to show them, small branches cut.

use super::folded::{Folded, ROOT};
use super::grown::Grown;
use super::{NodeKind, TreeNode};
use crate::cost::{Cost, ratio};
use crate::hot::heaviest;
use crate::lifespan::Phase;
use crate::place::Place;
use crate::wait::WaitFor;
use pitstop_model::Profile;
use rustc_hash::{FxHashMap, FxHashSet};

/// The nodes in the order to show them, without small branches.
pub(super) fn nodes(
    profile: &Profile,
    shape: &Folded,
    grown: &Grown,
    min_share: f64,
) -> Vec<TreeNode> {
    let mut children: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for &node in grown.totals.keys() {
        let parent = shape.nodes[node].parent;
        children.entry(parent).or_default().push(node);
    }
    let root_own = grown.own.get(&ROOT).copied().unwrap_or_default();
    let unseen = [
        (NodeKind::Phase(Phase::Starting), grown.starting),
        (NodeKind::Phase(Phase::Ending), grown.ending),
        (NodeKind::Machinery, root_own),
        (NodeKind::Stackless, grown.stackless),
    ];
    let unseen_ns: f64 = unseen.iter().map(|(_, cost)| cost.total_ns()).sum();
    let whole_ns = unseen_ns
        + children
            .get(&ROOT)
            .into_iter()
            .flatten()
            .map(|n| grown.totals[n].total_ns())
            .sum::<f64>();
    let layout = Layout {
        grown,
        profile,
        shape,
        children,
        whole_ns,
        min_share,
    };
    layout.nodes(&unseen)
}

/// Puts the nodes of a thread's tree in order.
struct Layout<'a> {
    grown: &'a Grown,
    profile: &'a Profile,
    shape: &'a Folded,
    children: FxHashMap<usize, Vec<usize>>,
    whole_ns: f64,
    min_share: f64,
}

/// A node waiting for its turn.
struct Pending {
    /// The entry of the folded tree; `None` for a node that is no function.
    node: Option<usize>,
    entry: TreeNode,
}

impl Layout<'_> {
    fn nodes(&self, unseen: &[(NodeKind, Cost)]) -> Vec<TreeNode> {
        let mut nodes: Vec<TreeNode> = Vec::new();
        // An explicit stack, because recursion in the target may be deeper than ours can be.
        let mut pending = self.branches(ROOT, unseen, None, 0);
        while let Some(Pending { node, entry }) = pending.pop() {
            let (depth, own) = (entry.depth + 1, entry.own);
            nodes.push(entry);
            if let Some(node) = node.filter(|node| self.children.contains_key(node)) {
                let parent = Some(nodes.len() - 1);
                let own = [(NodeKind::Own, own)];
                pending.extend(self.branches(node, &own, parent, depth));
            }
        }
        nodes
    }

    /// The branches of a node, last to be shown first.
    fn branches(
        &self,
        node: usize,
        own: &[(NodeKind, Cost)],
        parent: Option<usize>,
        depth: usize,
    ) -> Vec<Pending> {
        let mut shown: Vec<Pending> = Vec::new();
        let (mut cut, mut cut_cost) = (0, Cost::default());
        for &child in self.children.get(&node).into_iter().flatten() {
            let total = self.grown.totals[&child];
            if ratio(total.total_ns(), self.whole_ns) < self.min_share {
                cut += 1;
                cut_cost.merge(&total);
            } else {
                shown.push(self.function(child, total, parent, depth));
            }
        }
        for (kind, own) in own {
            if own.total_ns() > 0.0 && ratio(own.total_ns(), self.whole_ns) >= self.min_share {
                let waits_for = self.waits_for(node).filter(|_| *kind == NodeKind::Own);
                let mut entry = self.leaf(kind.clone(), *own, parent, depth);
                entry.waits_for = waits_for;
                shown.push(Pending { node: None, entry });
            }
        }
        // Equal branches keep the order their functions were first seen in.
        shown.sort_by(|a, b| {
            (a.entry
                .total
                .total_ns()
                .total_cmp(&b.entry.total.total_ns()))
            .then(a.node.is_some().cmp(&b.node.is_some()))
            .then(b.node.cmp(&a.node))
        });
        if cut > 0 {
            let entry = self.leaf(NodeKind::Cut(cut), cut_cost, parent, depth);
            shown.insert(0, Pending { node: None, entry });
        }
        if let Some(last) = shown.first_mut() {
            last.entry.last = true;
        }
        shown
    }

    fn function(&self, node: usize, total: Cost, parent: Option<usize>, depth: usize) -> Pending {
        let function = self.shape.nodes[node]
            .function
            .expect("only the root has none");
        let place = Place::of_function(self.profile, function);
        let entry = TreeNode {
            own: self.grown.own.get(&node).copied().unwrap_or_default(),
            folded: self.grown.folded.get(&node).map_or(0, FxHashSet::len),
            recursion: self.grown.recursion.get(&node).copied().unwrap_or(1),
            waits_for: self.waits_for(node),
            ..self.leaf(NodeKind::Function(place), total, parent, depth)
        };
        Pending {
            node: Some(node),
            entry,
        }
    }

    fn leaf(&self, kind: NodeKind, cost: Cost, parent: Option<usize>, depth: usize) -> TreeNode {
        TreeNode {
            parent,
            depth,
            last: false,
            kind,
            total: cost,
            own: cost,
            share: ratio(cost.total_ns(), self.whole_ns),
            folded: 0,
            recursion: 1,
            waits_for: None,
        }
    }

    fn waits_for(&self, node: usize) -> Option<WaitFor> {
        self.grown.waits.get(&node).and_then(heaviest)
    }
}
