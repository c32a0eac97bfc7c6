//! PS108 `hoisted-append`: a bound method kept in a name before a loop, which costs since 3.11.

use crate::edits::{local, whole_lines};
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, span};
use pitstop_source::{BindingKind, Edit, Module, NodeId, Shape};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS108",
    slug: "hoisted-append",
    title: "a method looked up before the loop",
    category: Category::Micro,
    growth: "",
    needs: &[EvidenceKind::Share, EvidenceKind::Count],
    class: FixClass::TypeConditional,
    since: Some(11),
    overlaps: &[],
    manual: Manual {
        what: "`append = out.append` before a loop was worth a fifth of the loop's own time up to Python 3.10. \
               Since 3.11 the interpreter specializes `out.append(x)` where it stands, and it cannot do so for \
               a bound method in a name: the trick now costs time, and makes the code harder to read.",
        pays: "A hot loop with little else in it, on 3.11 or later: some per cent of the loop.",
        not: "- Python 3.10 and earlier, where the trick still gains\n\
              - loops whose body does real work: nothing is seen of either",
        preconditions: "The name of the object means the same object all the time, and its method is not replaced.",
        example: "\
append = out.append
for x in xs:
    append(x)
# better:
for x in xs:
    out.append(x)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/hoisted_append.py"),
        unit: "rounds of the loop",
        sizes: &[10, 10_000],
    },
    proof: include_str!("../../proofs/hoisted_append.py"),
};

/// Methods of builtin lists, sets and dicts that people keep so.
const METHODS: &[&str] = &[
    "append", "add", "extend", "pop", "update", "get", "insert", "remove",
];

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::StmtAssign]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let AnyNodeRef::StmtAssign(it) = module.syntax(node) else {
            return;
        };
        let ([target @ Expr::Name(_)], Expr::Attribute(method)) =
            (it.targets.as_slice(), &*it.value)
        else {
            return;
        };
        let name = method.attr.as_str();
        let is_builtin = matches!(
            module.shape(&method.value),
            Some(Shape::List | Shape::Set | Shape::Dict)
        );
        let is_name = method.value.is_name_expr();
        let Some(id) = module.variable_of(target) else {
            return;
        };
        if !METHODS.contains(&name) || !is_builtin || !is_name {
            return;
        }
        let variable = module.variable(id);
        let repeated = variable.uses.iter().find(|used| {
            let is_inside = module
                .loops_around(**used)
                .any(|by| !module.is_repeated_by(node, by));
            is_inside && is_called(module, **used)
        });
        let Some(repeated) = repeated.filter(|_| variable.bindings.len() == 1) else {
            return;
        };
        let owner = module.text_of(&method.value);
        let message =
            format!("`{owner}.{name}` is looked up before the loop, which costs since 3.11");
        let candidate = found.add(module, node, message);
        candidate.note(module.span(*repeated), "called here through a name");
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: String| Refusal::new("call the method where it is needed", why);
        let AnyNodeRef::StmtAssign(it) = module.syntax(candidate.node) else {
            return Err(refuse("it has changed".into()));
        };
        let (Some(id), Expr::Attribute(method)) = (module.variable_of(&it.targets[0]), &*it.value)
        else {
            return Err(refuse("it has changed".into()));
        };
        let alias = local(module, id).map_err(refuse)?;
        let owner = module.variable_of(&method.value);
        let owner = owner.ok_or_else(|| refuse("its object is not a variable".into()))?;
        let owner = local(module, owner).map_err(refuse)?;
        let is_bound_once = matches!(
            owner.bindings.as_slice(),
            [only] if matches!(only.kind, BindingKind::Assign | BindingKind::Annotated)
                && module.loops_around(only.node).next().is_none()
        );
        if !is_bound_once {
            return Err(refuse(format!(
                "`{}` is given a value more than once",
                owner.name
            )));
        }
        let lines = whole_lines(module, module.span(candidate.node))
            .ok_or_else(|| refuse("something else stands in its line".into()))?;
        let parent = module.node(candidate.node).parent;
        let siblings = module
            .ids()
            .filter(|node| module.node(*node).parent == parent);
        let statements = siblings.filter(|node| module.syntax(*node).is_statement());
        if statements.count() < 2 {
            return Err(refuse("its block would be empty".into()));
        }
        let new = module.text_of(&it.value);
        let mut edits = vec![Edit::delete(lines)];
        for used in &alias.uses {
            if !is_called(module, *used) {
                let line = module.file().lines().line(module.span(*used).start);
                return Err(refuse(format!("line {line} gives `{}` away", alias.name)));
            }
            edits.push(Edit::replace(module.span(*used), new));
        }
        Ok(Fix {
            title: format!("call `{new}` itself"),
            class: FixClass::TypeConditional,
            conditions: vec![format!("`{}` stays a builtin object", owner.name)],
            edits,
        })
    }
}

fn is_called(module: &Module<'_>, used: NodeId) -> bool {
    match module.syntax(module.node(used).parent) {
        AnyNodeRef::ExprCall(call) => span(&*call.func) == module.span(used),
        _ => false,
    }
}
