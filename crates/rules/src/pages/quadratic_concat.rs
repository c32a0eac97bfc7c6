//! PS104 `quadratic-concat`: lists or tuples that are added up one after the other.

use crate::edits::{Use, local, new_name, use_of};
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{self, AnyNodeRef, Expr, NodeKind, ast, span};
use pitstop_source::{Edit, Module, NodeId, Shape};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS104",
    slug: "quadratic-concat",
    title: "lists added up by copying",
    category: Category::Algorithm,
    growth: "O(n²)",
    needs: &[
        EvidenceKind::Share,
        EvidenceKind::Count,
        EvidenceKind::TypeAndSize,
    ],
    class: FixClass::TypeConditional,
    since: None,
    overlaps: &["RUF017"],
    manual: Manual {
        what: "`sum(lists, [])`, `items = items + [x]` and `pair += (x,)` make a new list or tuple each time \
               and copy everything collected so far into it.",
        pays: "From some hundred items on: about thirty times as fast at 5,000 items in 500 lists.",
        not: "- a handful of items in all\n\
              - the old list must stay as it was, because somebody keeps each of them",
        preconditions: "For `items = items + [x]`: nobody else holds the list, because it is changed in place \
                        afterwards. For `sum`: the parts are lists; a comprehension takes anything that can \
                        be iterated over, where `sum` would raise.",
        example: "\
rows = sum(pages, [])
for row in extra:
    rows = rows + [row]
# better:
rows = [row for page in pages for row in page]
for row in extra:
    rows.append(row)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/quadratic_concat.py"),
        unit: "lists of 10 items",
        sizes: &[3, 50, 1000],
    },
    proof: include_str!("../../proofs/quadratic_concat.py"),
};

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[
            NodeKind::ExprCall,
            NodeKind::StmtAssign,
            NodeKind::StmtAugAssign,
        ]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        match module.syntax(node) {
            AnyNodeRef::ExprCall(call) => {
                if let Some((_, shape)) = summed(module, call) {
                    let what = if shape == Shape::List {
                        "lists"
                    } else {
                        "tuples"
                    };
                    let message =
                        format!("`sum` of {what} copies everything so far for each of them");
                    found.add(module, node, message);
                }
            }
            AnyNodeRef::StmtAssign(it) => {
                let Some(around) = module.loops_around(node).next() else {
                    return;
                };
                let ([target @ Expr::Name(_)], Expr::BinOp(sum)) =
                    (it.targets.as_slice(), &*it.value)
                else {
                    return;
                };
                let is_sum = sum.op == ast::Operator::Add && syntax::same(&sum.left, target);
                let shape = module.shape(&sum.right);
                let Some(shape @ (Shape::List | Shape::Tuple)) = shape.filter(|_| is_sum) else {
                    return;
                };
                if is_begun_in(module, target, around.node, node) {
                    return;
                }
                add(module, node, target, shape, found);
            }
            AnyNodeRef::StmtAugAssign(it) => {
                let Some(around) = module.loops_around(node).next() else {
                    return;
                };
                let is_tuple = it.op == ast::Operator::Add
                    && it.target.is_name_expr()
                    && module.shape(&it.value) == Some(Shape::Tuple)
                    && module.shape(&it.target) == Some(Shape::Tuple);
                if is_tuple && !is_begun_in(module, &it.target, around.node, node) {
                    add(module, node, &it.target, Shape::Tuple, found);
                }
            }
            _ => {}
        }
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        match module.syntax(candidate.node) {
            AnyNodeRef::ExprCall(call) => fix_sum(module, call),
            AnyNodeRef::StmtAssign(it) => fix_assign(module, candidate, it),
            _ => Err(Refusal::new(
                "collect in a list, and make a tuple of it behind the loop",
                "whoever reads the tuple meanwhile would see a list",
            )),
        }
    }
}

fn add(module: &Module<'_>, node: NodeId, target: &Expr, shape: Shape, found: &mut Found) {
    let name = module.text_of(target);
    let what = if shape == Shape::List {
        "list"
    } else {
        "tuple"
    };
    let message = format!("a loop copies the whole {what} `{name}` to add to it");
    found.add(module, node, message);
}

/// What a `sum` of lists or tuples adds up.
fn summed<'a>(module: &Module<'a>, call: &'a ast::ExprCall) -> Option<(&'a Expr, Shape)> {
    if !module.is_builtin(&call.func, "sum") {
        return None;
    }
    let arguments = &call.arguments;
    let start = match (&*arguments.args, arguments.keywords.as_slice()) {
        ([_, start], []) => start,
        ([_], [keyword]) if keyword.arg.as_deref() == Some("start") => &keyword.value,
        _ => return None,
    };
    let shape = module.shape(start)?;
    let is_it = matches!(shape, Shape::List | Shape::Tuple) && !arguments.args[0].is_starred_expr();
    is_it.then_some((&arguments.args[0], shape))
}

/// Whether the loop begins the collection anew in each round.
fn is_begun_in(module: &Module<'_>, target: &Expr, around: NodeId, growth: NodeId) -> bool {
    let Some(id) = module.variable_of(target) else {
        return true;
    };
    module.variable(id).bindings.iter().any(|binding| {
        !module.is_in(binding.node, growth)
            && module
                .loops_around(binding.node)
                .any(|it| it.node == around)
    })
}

fn fix_sum(module: &Module<'_>, call: &ast::ExprCall) -> Result<Fix, Refusal> {
    let refuse = |why: &str| {
        Refusal::new(
            "use a comprehension, or `itertools.chain.from_iterable`",
            why,
        )
    };
    let (parts, shape) = summed(module, call).ok_or_else(|| refuse("it has changed"))?;
    let is_empty = |start: &Expr| {
        start
            .as_list_expr()
            .is_some_and(|list| list.elts.is_empty())
    };
    let start = call.arguments.args.get(1);
    let start = start.or(call
        .arguments
        .keywords
        .first()
        .map(|keyword| &keyword.value));
    if shape != Shape::List || !start.is_some_and(is_empty) {
        return Err(refuse("it does not begin with an empty list"));
    }
    let names = ["item", "part"].map(|name| new_name(module, name));
    let [item, part] = names;
    let mut source = module.text_of(parts).to_owned();
    if matches!(parts, Expr::Lambda(_) | Expr::If(_) | Expr::Named(_)) {
        source = format!("({source})");
    }
    // A generator that is the only argument has no parentheses of its own to count on.
    if parts
        .as_generator_expr()
        .is_some_and(|it| !it.parenthesized)
    {
        source = format!("({source})");
    }
    Ok(Fix {
        title: "collect the items in one comprehension".into(),
        class: FixClass::Behavioural,
        conditions: vec!["every part is a list; anything else would now be taken too".into()],
        edits: vec![Edit::replace(
            span(call),
            format!("[{item} for {part} in {source} for {item} in {part}]"),
        )],
    })
}

fn fix_assign(
    module: &Module<'_>,
    candidate: &Candidate,
    it: &ast::StmtAssign,
) -> Result<Fix, Refusal> {
    let refuse = |why: String| Refusal::new("add to the list in place: `append` or `+=`", why);
    let (target, Expr::BinOp(sum)) = (&it.targets[0], &*it.value) else {
        return Err(refuse("it has changed".into()));
    };
    let id = module
        .variable_of(target)
        .ok_or_else(|| refuse("it has changed".into()))?;
    let list = local(module, id).map_err(refuse)?;
    if module.variable_shape(id) != Some(Shape::List) {
        return Err(refuse(format!(
            "`{}` is not certainly a list of its own",
            list.name
        )));
    }
    let is_fresh = list.bindings.iter().all(|binding| {
        let is_new = |value: &Expr| {
            value.is_list_expr() || value.is_list_comp_expr() || value.is_call_expr()
        };
        module.is_in(binding.node, candidate.node) || binding.value.is_some_and(is_new)
    });
    if !is_fresh {
        return Err(refuse(format!(
            "`{}` may be somebody else's list too",
            list.name
        )));
    }
    let around = module.loops_around(candidate.node).next();
    let around = around.ok_or_else(|| refuse("it is in no loop".into()))?;
    let elsewhere = list.uses.iter().find(|used| {
        let harmless = matches!(
            use_of(module, **used),
            Use::Membership | Use::Length | Use::Truth | Use::Item(_)
        );
        module.is_in(**used, around.node) && !module.is_in(**used, candidate.node) && !harmless
    });
    if let Some(used) = elsewhere {
        let line = module.file().lines().line(module.span(*used).start);
        return Err(refuse(format!(
            "line {line} may keep `{}` as it is then",
            list.name
        )));
    }
    let name = list.name;
    let new = match &*sum.right {
        Expr::List(right) if right.elts.len() == 1 && !right.elts[0].is_starred_expr() => {
            format!("{name}.append({})", module.text_of(&right.elts[0]))
        }
        right => format!("{name} += {}", module.text_of(right)),
    };
    Ok(Fix {
        title: format!("add to `{name}` in place"),
        class: FixClass::TypeConditional,
        conditions: vec![format!("nobody else holds `{name}` while the loop runs")],
        edits: vec![Edit::replace(span(it), new)],
    })
}
