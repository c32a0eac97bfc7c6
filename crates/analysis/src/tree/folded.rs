//! All stacks of a profile as one tree of functions, with libraries and recursion folded.

use crate::fold::{is_library, is_machinery};
use pitstop_model::{FunctionId, Id, Profile, StackId};
use rustc_hash::FxHashMap;

/// The node that time without any visible frame belongs to.
pub(super) const ROOT: usize = 0;

/// All stacks of a profile folded into one tree of functions. Entry 0 is the root.
pub(super) struct Folded {
    pub(super) nodes: Vec<FoldedNode>,
    by_stack: Vec<StackFold>,
}

pub(super) struct FoldedNode {
    pub(super) parent: usize,
    pub(super) function: Option<FunctionId>,
}

/// Where a stack ends up.
#[derive(Clone, Copy)]
pub(super) struct StackFold {
    pub(super) node: usize,
    /// True if its innermost frame is hidden in the node.
    pub(super) hidden: bool,
    /// How often the node's function follows on itself.
    pub(super) recursion: u32,
}

impl Folded {
    /// Folds the stacks.
    pub(super) fn of(profile: &Profile, fold_library: bool) -> Self {
        let places = &profile.places;
        let mut nodes = vec![FoldedNode {
            parent: ROOT,
            function: None,
        }];
        let mut children: FxHashMap<(usize, FunctionId), usize> = FxHashMap::default();
        let mut by_stack: Vec<StackFold> = Vec::with_capacity(places.stacks().len());
        for stack in places.stacks() {
            let function = places.frame(stack.frame).function;
            let caller = stack.parent.map_or(
                StackFold {
                    node: ROOT,
                    hidden: false,
                    recursion: 0,
                },
                |parent| by_stack[parent.index()],
            );
            let called_from = nodes[caller.node].function;
            let in_library = called_from.is_some_and(|f| is_library(profile, f));
            let hidden = fold_library
                && (is_machinery(profile, function)
                    || (in_library && is_library(profile, function)));
            by_stack.push(if hidden {
                StackFold { hidden, ..caller }
            } else if called_from == Some(function) {
                StackFold {
                    hidden,
                    recursion: caller.recursion + 1,
                    ..caller
                }
            } else {
                let node = *children.entry((caller.node, function)).or_insert_with(|| {
                    nodes.push(FoldedNode {
                        parent: caller.node,
                        function: Some(function),
                    });
                    nodes.len() - 1
                });
                StackFold {
                    node,
                    hidden,
                    recursion: 1,
                }
            });
        }
        Self { nodes, by_stack }
    }

    /// Where a stack ends up.
    pub(super) fn stack(&self, stack: StackId) -> StackFold {
        self.by_stack[stack.index()]
    }
}
