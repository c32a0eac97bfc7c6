//! PS102 `pop-front`: taking from, or putting at, the front of a list in a loop.

use crate::edits::{Use, assigned, imported, integer, is_plain_call, local, use_of};
use crate::judge::Evidence;
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, span};
use pitstop_source::{Edit, Module, NodeId, Shape, VariableId};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS102",
    slug: "pop-front",
    title: "a list used as a queue",
    category: Category::Algorithm,
    growth: "O(n²)",
    needs: &[
        EvidenceKind::Share,
        EvidenceKind::Count,
        EvidenceKind::TypeAndSize,
    ],
    class: FixClass::TypeConditional,
    since: None,
    overlaps: &[],
    manual: Manual {
        what: "`items.pop(0)`, `items.insert(0, x)` and `del items[0]` move every other item of a list by \
               one place. In a loop over a long list that is most of the work. `collections.deque` does it \
               at either end in one step.",
        pays: "The list is long while it is used so: about twenty times as fast at 20,000 items.",
        not: "- a few hundred items: moving them is one fast copy, and gains less than twice\n\
              - the list is also sliced, sorted or indexed in the middle, which a deque does slowly or not",
        preconditions: "The object is only used by what a deque has too: both ends, `len`, iteration, truth. \
                        It is not sliced, sorted, serialised or checked for being a list. \
                        The message of an `IndexError` for an empty one differs.",
        example: "\
queue = [start]
while queue:
    node = queue.pop(0)
    queue.extend(node.children)
# better:
from collections import deque

queue = deque([start])
while queue:
    node = queue.popleft()
    queue.extend(node.children)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/pop_front.py"),
        unit: "items in the list",
        sizes: &[20, 1000, 50_000],
    },
    proof: include_str!("../../proofs/pop_front.py"),
};

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::ExprCall, NodeKind::StmtDelete]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let (list, what) = match module.syntax(node) {
            AnyNodeRef::ExprCall(call) => {
                let Some(method) = call.func.as_attribute_expr() else {
                    return;
                };
                let is_front = call.arguments.args.first().and_then(integer) == Some(0);
                match method.attr.as_str() {
                    "pop" if is_front && is_plain_call(call, 1) => (&*method.value, "takes from"),
                    "insert" if is_front && is_plain_call(call, 2) => (&*method.value, "puts at"),
                    _ => return,
                }
            }
            AnyNodeRef::StmtDelete(delete) => match delete.targets.as_slice() {
                [Expr::Subscript(it)] if integer(&it.slice) == Some(0) => {
                    (&*it.value, "deletes at")
                }
                _ => return,
            },
            _ => return,
        };
        let Some(around) = module.loops_around(node).next() else {
            return;
        };
        let (name, declared) = match list {
            Expr::Name(name) => {
                let Some(id) = module.variable_of(list) else {
                    return;
                };
                let proved = module
                    .variable_shape(id)
                    .or_else(|| module.declared_shape(id));
                let is_new = module
                    .variable(id)
                    .bindings
                    .iter()
                    .any(|binding| module.is_repeated_by(binding.node, around));
                if proved != Some(Shape::List) || is_new {
                    return;
                }
                (name.id.to_string(), module.variable(id).bindings.first())
            }
            // `self.queue.insert(0, …)`: only lists have `insert`, and only lists and dicts `pop(0)`.
            Expr::Attribute(_) if what == "puts at" => (module.text_of(list).to_owned(), None),
            _ => return,
        };
        let message =
            format!("a loop {what} the front of the list `{name}`, which moves all other items");
        let candidate = found.add(module, node, message);
        if let Some(binding) = declared {
            candidate.note(
                module.span(binding.node),
                "a list: its front is the slow end",
            );
        }
        if let Some(list) = module.id_of(list) {
            candidate.subject(list);
        }
    }

    fn size(&self, evidence: &Evidence) -> Result<u64, String> {
        match &evidence.size {
            Some(size) if size.type_name != "list" => {
                Err(format!("it is a {} when it runs", size.type_name))
            }
            Some(size) => Ok(size.median.max(1)),
            None => Ok(1),
        }
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: String| {
            Refusal::new(
                "use a `collections.deque` and its `popleft` and `appendleft`",
                why,
            )
        };
        let list = candidate.subjects.first();
        let variable: Option<VariableId> = list.and_then(|node| module.node(*node).variable);
        let variable = variable.ok_or_else(|| refuse("it is not a local variable".into()))?;
        let list = local(module, variable).map_err(refuse)?;
        let (deque, import) =
            imported(module, "collections", "deque", candidate.node).map_err(refuse)?;
        let mut edits: Vec<Edit> = import.into_iter().collect();
        for binding in &list.bindings {
            let Some((value, None)) = assigned(module, binding) else {
                return Err(refuse(format!("`{}` is not simply assigned", list.name)));
            };
            if module.shape(value) != Some(Shape::List) {
                return Err(refuse("its value is not certainly a list".into()));
            }
            let new = match value.as_list_expr() {
                Some(list) if list.elts.is_empty() => format!("{deque}()"),
                _ => format!("{deque}({})", module.text_of(value)),
            };
            edits.push(Edit::replace(span(value), new));
        }
        for used in &list.uses {
            let line = module.file().lines().line(module.span(*used).start);
            let other = || {
                refuse(format!(
                    "line {line} uses `{}` in a way that a deque may not have",
                    list.name
                ))
            };
            match use_of(module, *used) {
                Use::Membership | Use::Truth | Use::Length | Use::Iterated => {}
                Use::Item(it) if matches!(integer(&it.slice), Some(0 | -1)) => {}
                Use::DeletedItem(statement, it) if integer(&it.slice) == Some(0) => {
                    edits.push(Edit::replace(
                        span(statement),
                        format!("{}.popleft()", list.name),
                    ));
                }
                Use::Method { call, name, .. } => {
                    let first = call.arguments.args.first();
                    match name.as_str() {
                        "append" | "extend" | "clear" | "remove" | "reverse" | "count" => {}
                        "pop" if is_plain_call(call, 0) => {}
                        "pop" if is_plain_call(call, 1) && first.and_then(integer) == Some(0) => {
                            let whole = span(call);
                            edits.push(Edit::replace(whole, format!("{}.popleft()", list.name)));
                        }
                        "insert"
                            if is_plain_call(call, 2) && first.and_then(integer) == Some(0) =>
                        {
                            let value = module.text_of(&call.arguments.args[1]);
                            let whole = span(call);
                            let new = format!("{}.appendleft({value})", list.name);
                            edits.push(Edit::replace(whole, new));
                        }
                        _ => return Err(other()),
                    }
                }
                _ => return Err(other()),
            }
        }
        Ok(Fix {
            title: format!(
                "make `{}` a deque, whose front costs as little as its end",
                list.name
            ),
            class: FixClass::TypeConditional,
            conditions: vec![format!(
                "nothing changes `{}` while it is iterated over",
                list.name
            )],
            edits,
        })
    }
}
