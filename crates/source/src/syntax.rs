//! The parser and its tree: the only file that knows whose they are.
//!
//! `ruff_python_parser` (MIT) promises no stability between versions, so its types are reached
//! through here, its version is pinned, and an upgrade is a change of this file.

pub use ruff_python_ast as ast;
pub use ruff_python_ast::visitor::source_order;
pub use ruff_python_ast::{AnyNodeRef, Expr, NodeKind, Stmt};
pub use ruff_text_size::Ranged;

use crate::position::Span;
use ruff_python_ast::comparable::ComparableExpr;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, Parsed};

/// The version of Python that a file is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The 15 of 3.15.
    pub minor: u8,
}

impl Target {
    /// The oldest version that is known.
    pub const OLDEST: Self = Self { minor: 8 };
    /// The newest version that is known.
    pub const NEWEST: Self = Self { minor: 15 };

    /// Reads `3.8` to `3.15`.
    pub fn parse(text: &str) -> Option<Self> {
        let minor = text.trim().strip_prefix("3.")?.parse().ok()?;
        let target = Self { minor };
        (Self::OLDEST..=Self::NEWEST)
            .contains(&target)
            .then_some(target)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "3.{}", self.minor)
    }
}

/// What the parser has against a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub span: Span,
    /// What, in lower case and without a full stop.
    pub message: String,
    /// It is Python, but of a later version than the target.
    pub is_too_new: bool,
}

/// A text and its tree.
#[derive(Debug)]
pub struct Syntax {
    parsed: Parsed<ast::ModModule>,
    comments: Vec<Span>,
    complaints: Vec<Complaint>,
}

impl Syntax {
    /// Parses any text: what is not Python is skipped and complained about.
    pub fn parse(text: &str, target: Target) -> Self {
        let version = ast::PythonVersion {
            major: 3,
            minor: target.minor,
        };
        let options = ParseOptions::from(Mode::Module).with_target_version(version);
        let parsed = ruff_python_parser::parse_unchecked(text, options)
            .try_into_module()
            .expect("the mode is that of modules");
        let comments = parsed.tokens().iter();
        let comments = comments
            .filter(|token| token.kind() == TokenKind::Comment)
            .map(span)
            .collect();
        let wrong = parsed.errors().iter().map(|error| Complaint {
            span: range(error.location),
            message: sentence(&error.error.to_string()),
            is_too_new: false,
        });
        let too_new = parsed.unsupported_syntax_errors().iter();
        let too_new = too_new.map(|error| Complaint {
            span: range(error.range),
            message: sentence(&error.to_string()),
            is_too_new: true,
        });
        let complaints = wrong.chain(too_new).collect();
        Self {
            parsed,
            comments,
            complaints,
        }
    }

    /// The tree.
    pub fn module(&self) -> &ast::ModModule {
        self.parsed.syntax()
    }

    /// Where comments are, in order.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// What is wrong with the text.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }
}

impl Drop for Syntax {
    /// A tree is dropped from its root by recursion, so a deep one needs a deep stack.
    fn drop(&mut self) {
        let depth = depth(&self.parsed);
        if depth > 1000 {
            let empty = ruff_python_parser::parse_module("").expect("nothing is a module");
            let parsed = std::mem::replace(&mut self.parsed, empty);
            stacker::grow(depth * DROP_BYTES, || drop(parsed));
        }
    }
}

/// Stack for each level of a tree that is dropped; measured 150 without optimization.
const DROP_BYTES: usize = 1024;

/// How many statements and expressions stand inside of one another.
fn depth(parsed: &Parsed<ast::ModModule>) -> usize {
    #[derive(Default)]
    struct Depth {
        now: usize,
        most: usize,
    }
    impl<'a> source_order::SourceOrderVisitor<'a> for Depth {
        fn enter_node(&mut self, _node: AnyNodeRef<'a>) -> source_order::TraversalSignal {
            self.now += 1;
            self.most = self.most.max(self.now);
            source_order::TraversalSignal::Traverse
        }

        fn leave_node(&mut self, _node: AnyNodeRef<'a>) {
            self.now -= 1;
        }

        fn visit_stmt(&mut self, statement: &'a Stmt) {
            deeper(|| source_order::walk_stmt(self, statement));
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            deeper(|| source_order::walk_expr(self, expression));
        }
    }
    let mut depth = Depth::default();
    for statement in &parsed.syntax().body {
        source_order::SourceOrderVisitor::visit_stmt(&mut depth, statement);
    }
    depth.most
}

/// One more level of recursion, on a new piece of stack if this one runs out: the depth of a tree
/// is the choice of whoever wrote the file.
pub fn deeper<T>(go: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(96 * 1024, 1024 * 1024, go)
}

/// Where something stands.
pub fn span(node: &impl Ranged) -> Span {
    range(node.range())
}

fn range(range: ruff_text_size::TextRange) -> Span {
    Span::new(range.start().to_usize(), range.end().to_usize())
}

/// Whether two expressions say the same, whatever their spaces, quotes and parentheses. Long ones
/// (over 2000 bytes) are not compared and count as different.
pub fn same(one: &Expr, other: &Expr) -> bool {
    let is_long = |expression: &Expr| expression.range().len().to_usize() > 2000;
    if is_long(one) || is_long(other) {
        return false;
    }
    ComparableExpr::from(one) == ComparableExpr::from(other)
}

/// In our house style.
fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut characters = message.chars();
    match (characters.next(), characters.next()) {
        // `SyntaxError: …` has been said; a word in capitals stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &message[first.len_utf8()..])
        }
        _ => message.to_owned(),
    }
}
