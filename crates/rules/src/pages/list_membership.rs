//! PS101 `list-membership`: `in` on a list, again and again.

use crate::edits::{Use, assigned, is_free, is_plain_call, local, use_of};
use crate::judge::Evidence;
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, ast, span};
use pitstop_source::{BindingKind, Edit, Module, NodeId, Shape, Span, Variable};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS101",
    slug: "list-membership",
    title: "membership test on a list",
    category: Category::Algorithm,
    growth: "O(n²)",
    needs: &[
        EvidenceKind::Share,
        EvidenceKind::Count,
        EvidenceKind::TypeAndSize,
    ],
    class: FixClass::TypeConditional,
    since: None,
    overlaps: &["PLR6201"],
    manual: Manual {
        what: "`x in items` compares `x` with one item after the other if `items` is a list or tuple. \
               In a loop that makes rounds × items comparisons. A set, or a dict, looks once.",
        pays: "The list has more than about ten items when it is searched, and it is searched more \
               often than it is built. At a thousand items the set is about a hundred times as fast.",
        not: "- a handful of items: hashing costs as much as comparing\n\
              - one test for each time the list is built: building the set costs more than searching\n\
              - the item is nearly always found among the first",
        preconditions: "Items and tested values are hashable, with `__eq__` and `__hash__` that agree. \
                        The list is used for nothing that needs its order, its duplicates or its type. \
                        If its order matters as well, keep the list and add a set beside it.",
        example: "\
seen = []
for row in rows:
    if row.id not in seen:
        seen.append(row.id)
# better:
seen = set()
for row in rows:
    if row.id not in seen:
        seen.add(row.id)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/list_membership.py"),
        unit: "items in the list",
        sizes: &[5, 100, 1000],
    },
    proof: include_str!("../../proofs/list_membership.py"),
};

/// A list that is written out with no more items than this, and never grows, is as good as a set
/// (advice.md, appendix A: 10 items are where a miss begins to cost twice as much).
const FEW: usize = 10;

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::ExprCompare]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let AnyNodeRef::ExprCompare(compare) = module.syntax(node) else {
            return;
        };
        let [ast::CmpOp::In | ast::CmpOp::NotIn] = *compare.ops else {
            return;
        };
        let container = &compare.comparators[0];
        let Some(id) = module.variable_of(container) else {
            return;
        };
        let proved = module.variable_shape(id);
        let is_list = proved == Some(Shape::List)
            || (proved.is_none() && module.declared_shape(id) == Some(Shape::List));
        let variable = module.variable(id);
        if !is_list || is_short(module, variable) {
            return;
        }
        // A list that is made anew in every round is searched once for each time it is made.
        let mut loops = module.loops_around(node);
        let Some(around) = loops.find(|around| !is_made_in(module, variable, around.node)) else {
            return;
        };
        let grows = variable.uses.iter().any(|used| {
            let is_growth = matches!(
                use_of(module, *used),
                Use::Method { name, .. } if matches!(name.as_str(), "append" | "extend" | "insert")
            );
            is_growth && module.is_repeated_by(*used, around)
        });
        let message = match grows {
            true => format!(
                "membership test on `{}`, a list that grows in this loop",
                variable.name
            ),
            false => format!("membership test on the list `{}` in a loop", variable.name),
        };
        let candidate = found.add(module, node, message);
        if let Some(binding) = variable.bindings.first() {
            candidate.note(
                module.span(binding.node),
                "a list: `in` compares every item",
            );
        }
        if let Some(container) = module.id_of(container) {
            candidate.subject(container);
        }
    }

    fn size(&self, evidence: &Evidence) -> Result<u64, String> {
        match &evidence.size {
            Some(size) if !matches!(size.type_name.as_str(), "list" | "tuple") => Err(format!(
                "it is a {} when it runs, which looks once",
                size.type_name
            )),
            Some(size) => Ok(size.median.max(1)),
            None => Ok(1),
        }
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: String| {
            Refusal::new(
                "keep a set of the items beside the list, or instead of it, and test that",
                why,
            )
        };
        let container = candidate.subjects.first();
        let variable = container.and_then(|node| module.node(*node).variable);
        let variable = variable.ok_or_else(|| refuse("the list is not a name".into()))?;
        let list = local(module, variable).map_err(refuse)?;
        let mut edits = Vec::new();
        for binding in &list.bindings {
            let (value, annotation) = assigned(module, binding)
                .ok_or_else(|| refuse(format!("`{}` is not simply assigned", list.name)))?;
            edits.extend(as_set(module, value).map_err(refuse)?);
            if let Some(annotation) = annotation {
                edits.push(annotated(annotation).map_err(refuse)?);
            }
        }
        for used in &list.uses {
            let line = module.file().lines().line(module.span(*used).start);
            match use_of(module, *used) {
                Use::Membership | Use::Truth => {}
                Use::Method {
                    call,
                    name,
                    is_statement: true,
                } if is_plain_call(call, 1) => {
                    let new = match name.as_str() {
                        "append" => "add",
                        "extend" => "update",
                        _ => {
                            return Err(refuse(format!(
                                "line {line} calls `{}`, which sets do not have, or not so",
                                name.as_str()
                            )));
                        }
                    };
                    edits.push(Edit::replace(span(name), new));
                }
                _ => {
                    return Err(refuse(format!(
                        "line {line} uses `{}` as a list: its order, its duplicates or its type may matter",
                        list.name
                    )));
                }
            }
        }
        Ok(Fix {
            title: format!(
                "make `{}` a set: only membership is ever asked of it",
                list.name
            ),
            class: FixClass::TypeConditional,
            conditions: vec![format!(
                "the items of `{}` and what is looked up in it are hashable",
                list.name
            )],
            edits,
        })
    }
}

/// Whether it is always a few items that stand in the text, and never grows.
fn is_short(module: &Module<'_>, variable: &Variable<'_>) -> bool {
    let is_few = |value: Option<&Expr>| {
        let list = value.and_then(Expr::as_list_expr);
        list.is_some_and(|list| {
            (1..=FEW).contains(&list.elts.len()) && !list.elts.iter().any(Expr::is_starred_expr)
        })
    };
    let grows = || {
        let mut uses = variable.uses.iter();
        uses.any(|used| matches!(use_of(module, *used), Use::Method { .. } | Use::Other))
    };
    variable
        .bindings
        .iter()
        .all(|binding| is_few(binding.value))
        && !grows()
}

/// Whether the loop gives the variable a new list.
fn is_made_in(module: &Module<'_>, variable: &Variable<'_>, by: NodeId) -> bool {
    let mut bindings = variable.bindings.iter();
    bindings.any(|binding| {
        binding.kind != BindingKind::Augmented
            && module
                .loops_around(binding.node)
                .any(|around| around.node == by)
    })
}

/// The edits that make a list's value a set.
fn as_set(module: &Module<'_>, value: &Expr) -> Result<Vec<Edit>, String> {
    let whole = span(value);
    if !is_free(module, "set") {
        return Err("`set` means something else in this file".into());
    }
    match value {
        Expr::List(list) if list.elts.is_empty() => Ok(vec![Edit::replace(whole, "set()")]),
        Expr::List(_) | Expr::ListComp(_) => Ok(vec![
            Edit::replace(Span::new(whole.start, whole.start + 1), "{"),
            Edit::replace(Span::new(whole.end - 1, whole.end), "}"),
        ]),
        Expr::Call(call)
            if module.is_builtin(&call.func, "list") && call.arguments.keywords.is_empty() =>
        {
            Ok(vec![Edit::replace(span(&*call.func), "set")])
        }
        _ => Err("its value is not written as a list".into()),
    }
}

/// `list[int]` becomes `set[int]`.
fn annotated(annotation: &Expr) -> Result<Edit, String> {
    let name = match annotation {
        Expr::Subscript(it) => &*it.value,
        other => other,
    };
    match name {
        Expr::Name(it) if it.id == "list" => Ok(Edit::replace(span(name), "set")),
        _ => Err("its annotation says that it is a list".into()),
    }
}
