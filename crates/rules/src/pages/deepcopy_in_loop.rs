//! PS107 `deepcopy-in-loop`: `copy.deepcopy` for every item.

use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, span};
use pitstop_source::{Module, NodeId};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS107",
    slug: "deepcopy-in-loop",
    title: "a deep copy in every round",
    category: Category::Loop,
    growth: "",
    needs: &[EvidenceKind::Share, EvidenceKind::Count],
    class: FixClass::Advice,
    since: None,
    overlaps: &[],
    manual: Manual {
        what: "`copy.deepcopy` asks every object that it meets how it wants to be copied, and remembers all of \
               them in case one comes again. For plain lists and dicts that costs more than ten times as much \
               as building the copy by hand.",
        pays: "It is hot, and the objects are plain data, or only a small part of the copy is changed.",
        not: "- objects that refer to each other in circles, or share parts that must stay shared\n\
              - copies that are made a few times in a run",
        preconditions: "It must be known what of the copy is changed afterwards: a shallow copy (`dict(x)`, \
                        `list(x)`, `dataclasses.replace`) is enough if that is only the top.",
        example: "\
for name in names:
    settings = copy.deepcopy(DEFAULTS)
    settings[\"name\"] = name
# better:
for name in names:
    settings = dict(DEFAULTS, name=name)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/deepcopy_in_loop.py"),
        unit: "copies of a record with two lists",
        sizes: &[1, 100],
    },
    proof: include_str!("../../proofs/deepcopy_in_loop.py"),
};

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::ExprCall]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let AnyNodeRef::ExprCall(call) = module.syntax(node) else {
            return;
        };
        let Some(around) = module.loops_around(node).next() else {
            return;
        };
        if !matches!(&*call.func, Expr::Name(_) | Expr::Attribute(_))
            || module.origin(&call.func).as_deref() != Some("copy.deepcopy")
        {
            return;
        }
        let Some(what) = call.arguments.args.first() else {
            return;
        };
        let candidate = found.add(module, node, "a loop makes a deep copy in every round");
        if module.is_constant_in(what, around) {
            candidate.note(span(what), "the same object is copied each time");
        }
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let _ = (module, candidate);
        Err(Refusal::new(
            "copy only what is changed: `dict(x)`, `list(x)`, `dataclasses.replace(x)`, or build it anew",
            "what may be shared depends on what is changed later",
        ))
    }
}
