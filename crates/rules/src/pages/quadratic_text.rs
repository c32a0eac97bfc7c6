//! PS103 `quadratic-text`: text or bytes that grow by `+=` where CPython has to copy them.

use crate::edits::{behind_line, new_name};
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{self, AnyNodeRef, Expr, NodeKind, ast, span};
use pitstop_source::{Edit, Loop, LoopKind, Module, NodeId, ScopeKind, Shape};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS103",
    slug: "quadratic-text",
    title: "text that is copied for every piece added",
    category: Category::Text,
    growth: "O(n²)",
    needs: &[
        EvidenceKind::Share,
        EvidenceKind::Count,
        EvidenceKind::TypeAndSize,
    ],
    class: FixClass::TypeConditional,
    since: None,
    overlaps: &["R1713"],
    manual: Manual {
        what: "`text += piece` makes a new text and copies the old one into it. CPython extends the text in \
               place if a *local variable* is its only owner, so that the well-known advice hardly matters \
               there. It cannot do so for an attribute, an item, a global or a variable of an outer function, \
               never for `bytes`, and never for a piece put in front: there every piece costs as much as all \
               before it.",
        pays: "Many pieces and a long result: at 20,000 pieces about twenty times as fast.",
        not: "- a `str` in a local variable: 1.0 to 1.9 times as fast, never more\n\
              - a few pieces, or short ones\n\
              - the text is begun anew in every round",
        preconditions: "The text is not read while it grows, not even by what the loop calls. If an exception \
                        leaves the loop, the pieces so far are lost instead of half the text being there.",
        example: "\
for row in rows:
    self.text += render(row)
# better:
parts = []
for row in rows:
    parts.append(render(row))
self.text += \"\".join(parts)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/quadratic_text.py"),
        unit: "pieces of 20 characters",
        sizes: &[10, 1000, 20_000],
    },
    proof: include_str!("../../proofs/quadratic_text.py"),
};

/// How a statement makes a text longer.
struct Growth<'a> {
    target: &'a Expr,
    piece: &'a Expr,
    shape: Shape,
    is_in_front: bool,
}

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::StmtAugAssign, NodeKind::StmtAssign]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let Some(around) = module
            .loops_around(node)
            .find(|it| it.kind != LoopKind::Comprehension)
        else {
            return;
        };
        let Some(growth) = growth(module, node) else {
            return;
        };
        if is_new_in(module, growth.target, around, node) {
            return;
        }
        let name = module.text_of(growth.target);
        let kind = if growth.shape == Shape::Bytes {
            "bytes"
        } else {
            "text"
        };
        let why = match (growth.is_in_front, owner(module, growth.target)) {
            (true, _) => format!("each piece in front of `{name}` copies all of it"),
            (false, _) if growth.shape == Shape::Bytes => {
                format!("each `+=` on the bytes `{name}` copies all of them")
            }
            (false, Some(owner)) => {
                format!("each `+=` on the {kind} `{name}`, {owner}, copies all of it")
            }
            (false, None) => return,
        };
        found.add(module, node, why);
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: &str| {
            Refusal::new(
                "collect the pieces in a list and join them behind the loop",
                why,
            )
        };
        let node = candidate.node;
        let growth = growth(module, node).ok_or_else(|| refuse("it has changed"))?;
        if growth.is_in_front {
            return Err(refuse("pieces in front come in the opposite order"));
        }
        let around = module.loops_around(node).next();
        let around = around.ok_or_else(|| refuse("it is in no loop"))?;
        let whole = module.span(around.node);
        let body = match module.syntax(around.node) {
            AnyNodeRef::StmtFor(it) if it.orelse.is_empty() && !it.is_async => &it.body,
            AnyNodeRef::StmtWhile(it) if it.orelse.is_empty() => &it.body,
            _ => {
                return Err(refuse(
                    "its loop has an `else`, is asynchronous or a comprehension",
                ));
            }
        };
        let file = module.file();
        let line = |at| file.lines().line(at);
        if body
            .first()
            .is_some_and(|first| line(span(first).start) == line(whole.start))
        {
            return Err(refuse("its loop stands in one line"));
        }
        let start = file.lines().span(line(whole.start)).start;
        let indent = &file.text()[start..whole.start];
        if !indent.trim().is_empty() {
            return Err(refuse("its loop does not begin its line"));
        }
        for part in module.subtree(around.node) {
            match module.syntax(part) {
                AnyNodeRef::StmtReturn(_)
                | AnyNodeRef::ExprYield(_)
                | AnyNodeRef::ExprYieldFrom(_)
                | AnyNodeRef::ExprAwait(_) => {
                    return Err(refuse(
                        "the loop can be left, or left alone, with half of the text",
                    ));
                }
                _ => {}
            }
        }
        check_target(module, growth.target, around, node).map_err(|why| refuse(&why))?;
        let name = new_name(module, "parts");
        let target = module.text_of(growth.target);
        let newline = file.newline();
        let joint = if growth.shape == Shape::Bytes {
            "b\"\""
        } else {
            "\"\""
        };
        let piece = module.text_of(growth.piece);
        let end = behind_line(module, whole);
        let is_whole = file.text()[..end].ends_with(['\n', '\r']);
        let before = if is_whole { "" } else { newline };
        let calls = module
            .subtree(around.node)
            .any(|part| matches!(module.syntax(part), AnyNodeRef::ExprCall(_)));
        let mut conditions = vec!["no exception leaves the loop".to_owned()];
        if calls && owner(module, growth.target).is_some() {
            conditions.push(format!("nothing that the loop calls reads `{target}`"));
        }
        Ok(Fix {
            title: "collect the pieces and join them behind the loop".into(),
            class: FixClass::TypeConditional,
            conditions,
            edits: vec![
                Edit::insert(start, format!("{indent}{name} = []{newline}")),
                Edit::replace(module.span(node), format!("{name}.append({piece})")),
                Edit::insert(
                    end,
                    format!("{before}{indent}{target} += {joint}.join({name}){newline}"),
                ),
            ],
        })
    }
}

/// What a statement adds to a text, if it does.
fn growth<'a>(module: &Module<'a>, node: NodeId) -> Option<Growth<'a>> {
    let (target, piece, is_in_front) = match module.syntax(node) {
        AnyNodeRef::StmtAugAssign(it) if it.op == ast::Operator::Add => {
            (&*it.target, &*it.value, false)
        }
        AnyNodeRef::StmtAssign(it) => {
            let [target] = it.targets.as_slice() else {
                return None;
            };
            let sum = it
                .value
                .as_bin_op_expr()
                .filter(|sum| sum.op == ast::Operator::Add)?;
            if syntax::same(&sum.right, target) {
                (target, &*sum.left, true)
            } else if syntax::same(&sum.left, target) {
                (target, &*sum.right, false)
            } else {
                return None;
            }
        }
        _ => return None,
    };
    let shape = module.shape(piece).or_else(|| module.shape(target))?;
    matches!(shape, Shape::Text | Shape::Bytes).then_some(Growth {
        target,
        piece,
        shape,
        is_in_front,
    })
}

/// Who owns the text beside the statement, so that it cannot grow in place; `None` for a local.
fn owner(module: &Module<'_>, target: &Expr) -> Option<&'static str> {
    match target {
        Expr::Attribute(_) => Some("an attribute"),
        Expr::Subscript(_) => Some("an item"),
        Expr::Name(_) => {
            let variable = module.variable(module.variable_of(target)?);
            match module.scope(variable.scope).kind {
                ScopeKind::Module => Some("a global"),
                _ if variable.is_captured => Some("shared with another function"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the loop gives the text, or what it belongs to, a new beginning in each round.
fn is_new_in(module: &Module<'_>, target: &Expr, around: Loop, growth: NodeId) -> bool {
    let base = match target {
        Expr::Attribute(it) => &*it.value,
        Expr::Subscript(it) => {
            // `lines[number] += …`: another text in each round.
            if !module.is_constant_in(&it.slice, around) {
                return true;
            }
            &*it.value
        }
        Expr::Name(_) => {
            let Some(id) = module.variable_of(target) else {
                return true;
            };
            let bindings = module.variable(id).bindings.iter();
            return bindings
                .filter(|binding| !module.is_in(binding.node, growth))
                .any(|binding| {
                    module.is_repeated_by(binding.node, around) && !is_growth(module, binding.node)
                });
        }
        _ => return true,
    };
    !base.is_name_expr()
        || module
            .variable_of(base)
            .is_some_and(|id| module.is_bound_in(id, around))
}

fn is_growth(module: &Module<'_>, binding: NodeId) -> bool {
    growth(module, module.statement(binding)).is_some()
}

/// Whether the loop leaves the target alone but for the statement.
fn check_target(
    module: &Module<'_>,
    target: &Expr,
    around: Loop,
    growth: NodeId,
) -> Result<(), String> {
    let base = match target {
        Expr::Attribute(it) => &*it.value,
        Expr::Subscript(it) => &*it.value,
        other => other,
    };
    let id = module
        .variable_of(base)
        .ok_or("it is not clear whose text it is")?;
    let variable = module.variable(id);
    let inside = |node: &NodeId| module.is_in(*node, around.node) && !module.is_in(*node, growth);
    let bound = variable.bindings.iter().map(|binding| binding.node);
    let is_self = matches!(target, Expr::Attribute(_));
    for used in variable
        .uses
        .iter()
        .copied()
        .chain(bound)
        .filter(|node| inside(node))
    {
        // `self.other` in the loop is fine, `self` itself is not.
        let is_other = is_self
            && match module.syntax(module.node(used).parent) {
                AnyNodeRef::ExprAttribute(it) => target
                    .as_attribute_expr()
                    .is_none_or(|own| own.attr.id != it.attr.id),
                _ => false,
            };
        if !is_other {
            let line = module.file().lines().line(module.span(used).start);
            return Err(format!(
                "line {line} uses `{}` while it grows",
                variable.name
            ));
        }
    }
    // The target itself, and in `x = x + piece` once more.
    let allowed = match module.syntax(growth) {
        AnyNodeRef::StmtAugAssign(_) => 1,
        _ => 2,
    };
    let own = module
        .subtree(growth)
        .filter(|node| module.node(*node).variable == Some(id));
    if own.count() > allowed {
        return Err(format!("the piece itself reads `{}`", variable.name));
    }
    Ok(())
}
