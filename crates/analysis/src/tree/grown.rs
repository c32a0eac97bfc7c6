//! What one thread spent in the nodes of a folded tree.

use super::Timed;
use super::folded::{Folded, ROOT};
use crate::cost::Cost;
use crate::fold::is_machinery;
use crate::lifespan::Phase;
use crate::wait::{WaitFor, what_for};
use pitstop_model::{FunctionId, Profile, StackId};
use rustc_hash::{FxHashMap, FxHashSet};

/// What one thread spent in the nodes of a folded tree.
#[derive(Default)]
pub(super) struct Grown {
    pub(super) own: FxHashMap<usize, Cost>,
    pub(super) totals: FxHashMap<usize, Cost>,
    /// Time without a stack: at the beginning and the end of the interpreter, and at other times.
    pub(super) starting: Cost,
    pub(super) ending: Cost,
    pub(super) stackless: Cost,
    pub(super) waits: FxHashMap<usize, FxHashMap<WaitFor, f64>>,
    pub(super) folded: FxHashMap<usize, FxHashSet<FunctionId>>,
    pub(super) recursion: FxHashMap<usize, u32>,
}

impl Grown {
    /// Sums up the rows of a thread.
    pub(super) fn of(profile: &Profile, shape: &Folded, rows: &[Timed]) -> Self {
        let mut grown = Self::default();
        for Timed {
            row,
            count,
            ns,
            phase,
        } in rows
        {
            let Some(stack) = row.stack else {
                let cost = match phase {
                    Some(Phase::Starting) => &mut grown.starting,
                    Some(Phase::Ending) => &mut grown.ending,
                    None => &mut grown.stackless,
                };
                cost.add(row.state, *ns, *count);
                continue;
            };
            let node = shape.stack(stack).node;
            grown
                .own
                .entry(node)
                .or_default()
                .add(row.state, *ns, *count);
            if row.state.is_waiting() {
                let waits = grown.waits.entry(node).or_default();
                *waits.entry(what_for(profile, row)).or_default() += ns;
            }
            grown.note_frames(profile, shape, stack);
        }
        for (&node, own) in &grown.own {
            let mut at = node;
            while at != ROOT {
                grown.totals.entry(at).or_default().merge(own);
                at = shape.nodes[at].parent;
            }
        }
        grown
    }

    /// Remembers what is folded into the nodes along a stack.
    fn note_frames(&mut self, profile: &Profile, shape: &Folded, stack: StackId) {
        let mut next = Some(stack);
        while let Some(stack) = next {
            let fold = shape.stack(stack);
            let function = profile.places.leaf_function(stack);
            if fold.hidden && !is_machinery(profile, function) {
                self.folded.entry(fold.node).or_default().insert(function);
            }
            let deepest = self.recursion.entry(fold.node).or_default();
            *deepest = fold.recursion.max(*deepest);
            next = profile.places.stack(stack).parent;
        }
    }
}
