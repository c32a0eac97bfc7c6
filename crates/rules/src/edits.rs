//! Pieces that fixes are made of: imports, new names, whole lines, uses of a local.

use pitstop_source::syntax::{AnyNodeRef, Expr, ast};
use pitstop_source::{
    Binding, BindingKind, Edit, Module, NodeId, ScopeKind, Span, Variable, VariableId,
};

/// A variable that only its own function can see: not captured, not global, no parameter.
pub(crate) fn local<'m, 'a>(
    module: &'m Module<'a>,
    variable: VariableId,
) -> Result<&'m Variable<'a>, String> {
    let it = module.variable(variable);
    let kind = module.scope(it.scope).kind;
    if !matches!(kind, ScopeKind::Function | ScopeKind::Lambda) {
        return Err(format!("`{}` can be reached from elsewhere", it.name));
    }
    if it.is_captured {
        return Err(format!("another function uses `{}` too", it.name));
    }
    Ok(it)
}

/// The value that a plain `name = value` binds.
pub(crate) fn assigned<'a>(
    module: &Module<'a>,
    binding: &Binding<'a>,
) -> Option<(&'a Expr, Option<&'a Expr>)> {
    let parent = module.syntax(module.node(binding.node).parent);
    match (binding.kind, parent) {
        (BindingKind::Assign, AnyNodeRef::StmtAssign(it)) if it.targets.len() == 1 => {
            Some((binding.value?, None))
        }
        (BindingKind::Annotated, AnyNodeRef::StmtAnnAssign(it)) => {
            Some((binding.value?, Some(&*it.annotation)))
        }
        _ => None,
    }
}

/// How a variable is used at one place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use<'a> {
    /// `x.name(…)`; whether the result is thrown away.
    Method {
        /// The whole call.
        call: &'a ast::ExprCall,
        /// Where the method's name stands.
        name: &'a ast::Identifier,
        /// The call is a statement.
        is_statement: bool,
    },
    /// On the right of `in` or `not in`.
    Membership,
    /// `len(x)`.
    Length,
    /// As a condition, also behind `not`.
    Truth,
    /// What a `for` or a comprehension iterates over.
    Iterated,
    /// `x[constant]`, read.
    Item(&'a ast::ExprSubscript),
    /// `del x[constant]`.
    DeletedItem(&'a ast::StmtDelete, &'a ast::ExprSubscript),
    /// Anything else: it is returned, given away, sliced, compared…
    Other,
}

/// What happens at a use.
pub(crate) fn use_of<'a>(module: &Module<'a>, node: NodeId) -> Use<'a> {
    let parent = module.node(node).parent;
    let above = module.node(parent).parent;
    let me = module.span(node);
    match module.syntax(parent) {
        AnyNodeRef::ExprAttribute(attribute) => match module.syntax(above) {
            AnyNodeRef::ExprCall(call)
                if pitstop_source::syntax::span(&*call.func) == module.span(parent) =>
            {
                let statement = module.node(above).parent;
                Use::Method {
                    call,
                    name: &attribute.attr,
                    is_statement: matches!(module.syntax(statement), AnyNodeRef::StmtExpr(_)),
                }
            }
            _ => Use::Other,
        },
        AnyNodeRef::ExprCompare(compare) => {
            let is_membership = compare
                .ops
                .iter()
                .zip(&compare.comparators)
                .all(|(op, right)| {
                    pitstop_source::syntax::span(right) != me
                        || matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn)
                });
            let is_right = pitstop_source::syntax::span(&*compare.left) != me;
            let only_one = compare.ops.len() == 1;
            if is_membership && is_right && only_one {
                Use::Membership
            } else {
                Use::Other
            }
        }
        AnyNodeRef::ExprCall(call)
            if module.is_builtin(&call.func, "len")
                && call.arguments.args.len() == 1
                && pitstop_source::syntax::span(&*call.func) != me =>
        {
            Use::Length
        }
        AnyNodeRef::ExprUnaryOp(it) if it.op == ast::UnaryOp::Not => Use::Truth,
        AnyNodeRef::StmtWhile(it) if pitstop_source::syntax::span(&*it.test) == me => Use::Truth,
        AnyNodeRef::StmtIf(it) if pitstop_source::syntax::span(&*it.test) == me => Use::Truth,
        AnyNodeRef::StmtFor(it) if pitstop_source::syntax::span(&*it.iter) == me => Use::Iterated,
        AnyNodeRef::Comprehension(it) if pitstop_source::syntax::span(&it.iter) == me => {
            Use::Iterated
        }
        AnyNodeRef::ExprSubscript(it)
            if pitstop_source::syntax::span(&*it.value) == me && integer(&it.slice).is_some() =>
        {
            match (it.ctx, module.syntax(above)) {
                (ast::ExprContext::Load, _) => Use::Item(it),
                (ast::ExprContext::Del, AnyNodeRef::StmtDelete(statement))
                    if statement.targets.len() == 1 =>
                {
                    Use::DeletedItem(statement, it)
                }
                _ => Use::Other,
            }
        }
        _ => Use::Other,
    }
}

/// A whole number, also a negative one, that stands there.
pub(crate) fn integer(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::NumberLiteral(it) => match &it.value {
            ast::Number::Int(number) => number.as_i64(),
            _ => None,
        },
        Expr::UnaryOp(it) if it.op == ast::UnaryOp::USub => Some(-integer(&it.operand)?),
        _ => None,
    }
}

/// Whether a call has exactly so many positional arguments and nothing else.
pub(crate) fn is_plain_call(call: &ast::ExprCall, count: usize) -> bool {
    let arguments = &call.arguments;
    arguments.keywords.is_empty()
        && arguments.args.len() == count
        && !arguments.args.iter().any(Expr::is_starred_expr)
}

/// A name that is nowhere in the file: `base`, `base_2`, …
pub(crate) fn new_name(module: &Module<'_>, base: &str) -> String {
    let is_taken = |name: &str| {
        // Builtins and attributes too: a name that is nowhere in the text is free for sure.
        module.file().text().contains(name)
    };
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let mut names = std::iter::once(base.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name)).unwrap_or_default()
}

/// How to say `module.name` at a place, with the import that this needs, if any.
///
/// # Errors
/// The name means something else there.
pub(crate) fn imported(
    module: &Module<'_>,
    package: &str,
    name: &str,
    at: NodeId,
) -> Result<(String, Option<Edit>), String> {
    let scope = module.node(at).scope;
    let first = module.statement_of_module(at);
    for (id, variable) in module.variables().iter().enumerate() {
        let Some(binding) = variable.bindings.first() else {
            continue;
        };
        let is_early = module.scope(variable.scope).kind == ScopeKind::Module
            && variable.bindings.len() == 1
            && binding.node < first
            && module.statement_depth(binding.node) == 1;
        let AnyNodeRef::Alias(alias) = module.syntax(binding.node) else {
            continue;
        };
        let is_seen = module.lookup(variable.name, scope).map(VariableId::index) == Some(id);
        if !is_early || !is_seen {
            continue;
        }
        match module.syntax(module.node(binding.node).parent) {
            AnyNodeRef::StmtImport(_) if alias.name.as_str() == package => {
                return Ok((format!("{}.{name}", variable.name), None));
            }
            AnyNodeRef::StmtImportFrom(from)
                if from.level == 0
                    && from.module.as_deref() == Some(package)
                    && alias.name.as_str() == name =>
            {
                return Ok((variable.name.to_owned(), None));
            }
            _ => {}
        }
    }
    if module
        .variables()
        .iter()
        .any(|variable| variable.name == name)
    {
        return Err(format!("`{name}` means something else in this file"));
    }
    let line = format!("from {package} import {name}{}", module.file().newline());
    Ok((
        name.to_owned(),
        Some(Edit::insert(import_place(module)?, line)),
    ))
}

/// Where a new import goes: before the first statement behind the docstring and `__future__`.
fn import_place(module: &Module<'_>) -> Result<usize, String> {
    let body = &module.file().syntax().module().body;
    let is_future = |statement: &ast::Stmt| {
        statement
            .as_import_from_stmt()
            .is_some_and(|from| from.module.as_deref() == Some("__future__"))
    };
    let is_text = |statement: &ast::Stmt| {
        let it = statement.as_expr_stmt();
        it.is_some_and(|it| it.value.is_string_literal_expr())
    };
    let mut rest = body.iter().enumerate();
    let first =
        rest.find(|(at, statement)| !(is_future(statement) || (*at == 0 && is_text(statement))));
    let (_, first) = first.ok_or("there is no place for an import")?;
    let start = pitstop_source::syntax::span(first).start;
    let file = module.file();
    let line = file.lines().span(file.lines().line(start)).start;
    match line == start {
        true => Ok(start),
        false => Err("the first statement does not stand at the beginning of a line".into()),
    }
}

/// The place behind the line that a statement ends in.
pub(crate) fn behind_line(module: &Module<'_>, span: Span) -> usize {
    let file = module.file();
    file.lines()
        .span(file.lines().line(span.end.saturating_sub(1)))
        .end
}

/// The whole lines of a statement that has them to itself.
pub(crate) fn whole_lines(module: &Module<'_>, span: Span) -> Option<Span> {
    let file = module.file();
    let start = file.lines().span(file.lines().line(span.start)).start;
    let end = behind_line(module, span);
    let before = file.slice(Span::new(start, span.start));
    let after = file.slice(Span::new(span.end, end));
    let is_alone = before.trim().is_empty() && after.trim().is_empty();
    is_alone.then(|| Span::new(start, end))
}

/// Whether a builtin means itself everywhere in the file.
pub(crate) fn is_free(module: &Module<'_>, name: &str) -> bool {
    !module.has_star_import()
        && !module
            .variables()
            .iter()
            .any(|variable| variable.name == name)
}
