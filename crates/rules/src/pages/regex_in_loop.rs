//! PS106 `regex-in-loop`: a pattern that is looked up or compiled again in every round.

use crate::edits::new_name;
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, ast, span};
use pitstop_source::{Edit, Module, NodeId, ScopeKind};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS106",
    slug: "regex-in-loop",
    title: "a regular expression compiled in a loop",
    category: Category::Loop,
    growth: "",
    needs: &[EvidenceKind::Share, EvidenceKind::Count],
    class: FixClass::Safe,
    since: None,
    overlaps: &[],
    manual: Manual {
        what: "`re.match(pattern, text)` and `re.compile(pattern)` look the pattern up in the cache of `re` each \
               time, which costs more than matching a short text.",
        pays: "The texts are short: a compiled pattern is three to five times as fast, and one that was \
               compiled in the loop more than twenty times.",
        not: "- long texts, where matching is the work\n\
              - a loop of a few rounds",
        preconditions: "Pattern and flags are constants. The pattern is then compiled when the module is \
                        imported, which takes that time even if it is never used.",
        example: "\
for line in lines:
    if re.match(r\"\\d+ \", line):
        count += 1
# better:
_NUMBERED = re.compile(r\"\\d+ \")

for line in lines:
    if _NUMBERED.match(line):
        count += 1
",
    },
    pair: Pair {
        text: include_str!("../../pairs/regex_in_loop.py"),
        unit: "texts of 20 characters",
        sizes: &[10, 1000],
    },
    proof: include_str!("../../proofs/regex_in_loop.py"),
};

/// Functions of `re` that take a pattern, with the number of arguments that a method of the same
/// name takes from them in their order; flags come behind those.
const FUNCTIONS: &[(&str, usize)] = &[
    ("compile", 0),
    ("match", 1),
    ("search", 1),
    ("fullmatch", 1),
    ("findall", 1),
    ("finditer", 1),
    ("split", 2),
    ("sub", 3),
    ("subn", 3),
];

/// A call of one of them.
struct Call<'a> {
    call: &'a ast::ExprCall,
    function: &'static str,
    pattern: &'a Expr,
    /// What the method takes.
    rest: Vec<&'a Expr>,
    keywords: Vec<&'a ast::Keyword>,
    flags: Option<&'a Expr>,
}

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::ExprCall]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let Some(around) = module.loops_around(node).next() else {
            return;
        };
        let Some(call) = call(module, node) else {
            return;
        };
        let is_constant = |it: &Expr| module.is_constant_in(it, around) && !is_put_together(it);
        if !is_constant(call.pattern) || call.flags.is_some_and(|flags| !are_flags(module, flags)) {
            return;
        }
        let message = match call.function {
            "compile" => "a loop compiles the same pattern again and again".to_owned(),
            name => format!("a loop lets `re.{name}` look up the same pattern again and again"),
        };
        let candidate = found.add(module, node, message);
        candidate.note(span(call.pattern), "it does not change in the loop");
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: &str| Refusal::new("compile the pattern once, outside of the loop", why);
        let it = call(module, candidate.node).ok_or_else(|| refuse("it has changed"))?;
        if !matches!(it.pattern, Expr::StringLiteral(_) | Expr::BytesLiteral(_)) {
            return Err(refuse("the pattern does not stand there as a constant"));
        }
        let top = module.statement_of_module(candidate.node);
        let re = name_of_re(module, top)
            .ok_or_else(|| refuse("`re` is not imported for the whole module before"))?;
        let file = module.file();
        let start = module.span(top).start;
        if file.lines().span(file.lines().line(start)).start != start {
            return Err(refuse("its statement does not begin a line"));
        }
        let flags = it.flags.map_or(String::new(), |flags| {
            format!(", {}", module.text_of(flags))
        });
        if it.flags.is_some_and(|flags| !uses_only(module, flags, &re)) {
            return Err(refuse("its flags come from elsewhere"));
        }
        let name = new_name(module, "_PATTERN");
        let newline = file.newline();
        let gap = match module.syntax(top) {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) => {
                format!("{newline}{newline}{newline}")
            }
            _ => newline.to_owned(),
        };
        let pattern = module.text_of(it.pattern);
        let new = match it.function {
            "compile" => name.clone(),
            method => {
                let rest = it
                    .rest
                    .iter()
                    .map(|argument| module.text_of(argument).to_owned());
                let keywords = it
                    .keywords
                    .iter()
                    .map(|keyword| file.slice(span(*keyword)).to_owned());
                let arguments: Vec<_> = rest.chain(keywords).collect();
                format!("{name}.{method}({})", arguments.join(", "))
            }
        };
        Ok(Fix {
            title: "compile the pattern once, when the module is imported".into(),
            class: FixClass::Safe,
            conditions: Vec::new(),
            edits: vec![
                Edit::insert(
                    start,
                    format!("{name} = {re}.compile({pattern}{flags}){gap}"),
                ),
                Edit::replace(span(it.call), new),
            ],
        })
    }
}

fn call<'a>(module: &Module<'a>, node: NodeId) -> Option<Call<'a>> {
    let AnyNodeRef::ExprCall(call) = module.syntax(node) else {
        return None;
    };
    // Nearly all calls are of something else; that is seen without asking where names come from.
    let last = match &*call.func {
        Expr::Attribute(it) => it.attr.as_str(),
        Expr::Name(_) => "",
        _ => return None,
    };
    if !last.is_empty() && !FUNCTIONS.iter().any(|(name, _)| *name == last) {
        return None;
    }
    let origin = module.origin(&call.func)?;
    let origin = origin.strip_prefix("re.")?;
    let (function, count) = FUNCTIONS.iter().find(|(name, _)| *name == origin)?;
    let arguments = &call.arguments;
    let is_odd = arguments.args.iter().any(Expr::is_starred_expr)
        || arguments
            .keywords
            .iter()
            .any(|keyword| keyword.arg.is_none());
    let (pattern, rest) = arguments.args.split_first()?;
    if is_odd || rest.len() > count + 1 {
        return None;
    }
    let named = arguments.keywords.iter();
    let (flags, keywords): (Vec<_>, Vec<_>) =
        named.partition(|keyword| keyword.arg.as_deref() == Some("flags"));
    let flags = rest
        .get(*count)
        .or(flags.first().map(|keyword| &keyword.value));
    Some(Call {
        call,
        function,
        pattern,
        rest: rest.iter().take(*count).collect(),
        keywords,
        flags,
    })
}

/// An f-string or a sum has to be made in each round anyhow.
fn is_put_together(pattern: &Expr) -> bool {
    matches!(pattern, Expr::FString(_) | Expr::BinOp(_))
}

/// `re.I | re.M`, or a number.
fn are_flags(module: &Module<'_>, flags: &Expr) -> bool {
    match flags {
        Expr::BinOp(it) if it.op == ast::Operator::BitOr => {
            are_flags(module, &it.left) && are_flags(module, &it.right)
        }
        Expr::Attribute(_) | Expr::Name(_) => module
            .origin(flags)
            .is_some_and(|origin| origin.starts_with("re.")),
        Expr::NumberLiteral(_) => true,
        _ => false,
    }
}

/// Whether flags are said through the module, which the new statement can do too.
fn uses_only(module: &Module<'_>, flags: &Expr, re: &str) -> bool {
    match flags {
        Expr::BinOp(it) => uses_only(module, &it.left, re) && uses_only(module, &it.right, re),
        Expr::Attribute(it) => module.text_of(&it.value) == re,
        _ => flags.is_number_literal_expr(),
    }
}

/// What the module calls `re`, if it imports it before a statement of its own.
fn name_of_re(module: &Module<'_>, before: NodeId) -> Option<String> {
    let mut variables = module.variables().iter();
    let found = variables.find(|variable| {
        let [binding] = variable.bindings.as_slice() else {
            return false;
        };
        let is_re = matches!(module.syntax(binding.node), AnyNodeRef::Alias(alias) if alias.name.as_str() == "re");
        let is_import = matches!(
            module.syntax(module.node(binding.node).parent),
            AnyNodeRef::StmtImport(_)
        );
        is_re
            && is_import
            && module.scope(variable.scope).kind == ScopeKind::Module
            && module.statement_depth(binding.node) == 1
            && binding.node < before
    });
    found.map(|variable| variable.name.to_owned())
}
