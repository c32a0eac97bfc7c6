//! Changes of a text, and the proof that nothing else changed.
//!
//! An edit replaces bytes. Everything outside keeps its bytes by construction; that it also keeps
//! its *meaning* is checked: the result is parsed, and every node of the tree that lies outside of
//! the edits must be there, of the same kind, at its shifted place and at the same depth.

use crate::file::SourceFile;
use crate::position::Span;
use crate::syntax::source_order::{SourceOrderVisitor, TraversalSignal, walk_node};
use crate::syntax::{AnyNodeRef, Expr, NodeKind, Stmt, deeper, source_order, span};

/// One replacement; an empty span inserts, an empty text deletes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// What goes.
    pub span: Span,
    /// What comes.
    pub text: String,
}

impl Edit {
    /// Replaces a piece.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: text.into(),
        }
    }

    /// Inserts before a byte.
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::replace(Span::new(at, at), text)
    }

    /// Takes a piece away.
    pub fn delete(span: Span) -> Self {
        Self::replace(span, "")
    }
}

/// Why edits are not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// They would overlap, or lie outside of the text or inside of a character.
    #[error("the edits do not fit the text or each other")]
    Misplaced,
    /// A comment would be lost or torn.
    #[error("a comment in line {line} stands in the way")]
    Comment {
        /// From 1.
        line: u32,
    },
    /// The file is no Python to begin with.
    #[error("the file has a syntax error in line {line}")]
    Broken {
        /// From 1.
        line: u32,
    },
    /// The result would be no Python, or not of the file's version.
    #[error("the result would not be Python {target}: {message}")]
    Invalid {
        /// The version.
        target: String,
        /// What would be wrong.
        message: String,
    },
    /// Something outside of the edits would be read differently.
    #[error("the edit would change what line {line} means")]
    Outside {
        /// From 1, of the old text.
        line: u32,
    },
}

/// The text after edits, in any order; two insertions at one place keep theirs.
///
/// # Errors
/// [`EditError::Misplaced`].
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in sorted(edits) {
        let kept = text.get(at..edit.span.start);
        let (Some(kept), true) = (kept, text.is_char_boundary(edit.span.end)) else {
            return Err(EditError::Misplaced);
        };
        out.push_str(kept);
        out.push_str(&edit.text);
        at = edit.span.end;
    }
    out.push_str(text.get(at..).ok_or(EditError::Misplaced)?);
    Ok(out)
}

/// The file after edits, with the proof of this file's header.
///
/// # Errors
/// See [`EditError`]; the file is as it was then.
pub fn checked(file: &SourceFile, edits: &[Edit]) -> Result<SourceFile, EditError> {
    let line = |offset| file.lines().line(offset);
    if let Some(complaint) = file.syntax().complaints().iter().find(|c| !c.is_too_new) {
        return Err(EditError::Broken {
            line: line(complaint.span.start),
        });
    }
    for edit in edits {
        if let Some(comment) = file.comments_in(edit.span).next() {
            return Err(EditError::Comment {
                line: line(comment.start),
            });
        }
    }
    let new = SourceFile::from_text(apply(file.text(), edits)?, file.target());
    let before = file.syntax().complaints().len();
    if new.syntax().complaints().len() > before || !new.is_python() {
        let complaints = new.syntax().complaints();
        let worst = complaints.iter().find(|complaint| !complaint.is_too_new);
        let message = worst.or(complaints.last()).map(|c| c.message.clone());
        return Err(EditError::Invalid {
            target: file.target().to_string(),
            message: message.unwrap_or_default(),
        });
    }
    let edits = sorted(edits);
    let is_loose = |edit: &Edit| edit.text.is_empty() || edit.span.start == edit.span.end;
    let old_spans = edits.iter().map(|edit| (edit.span, is_loose(edit)));
    let old_spans: Vec<(Span, bool)> = old_spans.collect();
    let mut new_spans = Vec::with_capacity(edits.len());
    let mut shift = 0_isize;
    for edit in &edits {
        let start = edit.span.start.saturating_add_signed(shift);
        new_spans.push((Span::new(start, start + edit.text.len()), is_loose(edit)));
        shift += edit.text.len() as isize - (edit.span.end - edit.span.start) as isize;
    }
    let old_nodes = outside(file, &old_spans);
    let new_nodes = outside(&new, &new_spans);
    let mut pairs = old_nodes.iter().zip(&new_nodes);
    let moved = |old: &Outside| Outside {
        span: shifted(old.span, &edits),
        parent: old
            .parent
            .map(|at| shifted(Span::new(at, at), &edits).start),
        ..*old
    };
    let different = pairs.find(|(old, new)| moved(old) != **new);
    let different = different.map(|(old, _)| old.span.start).or_else(|| {
        let shorter = old_nodes.len().min(new_nodes.len());
        (old_nodes.len() != new_nodes.len()).then(|| {
            old_nodes
                .get(shorter)
                .map_or(file.text().len(), |n| n.span.start)
        })
    });
    if let Some(at) = different {
        return Err(EditError::Outside { line: line(at) });
    }
    Ok(new)
}

fn sorted(edits: &[Edit]) -> Vec<&Edit> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.span);
    edits
}

/// A span outside of all edits, after them.
fn shifted(span: Span, edits: &[&Edit]) -> Span {
    let mut shift = 0_isize;
    for edit in edits {
        if edit.span.end > span.start {
            break;
        }
        shift += edit.text.len() as isize - (edit.span.end - edit.span.start) as isize;
    }
    let moved = |at: usize| at.saturating_add_signed(shift);
    Span::new(moved(span.start), moved(span.end))
}

/// A node that no edit touches.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Outside {
    kind: NodeKind,
    depth: usize,
    span: Span,
    /// Where the statement around a statement begins, unless an edit made that.
    parent: Option<usize>,
}

/// The nodes that no edit touches. Where something appears or disappears altogether, whether a
/// neighbour ends there or goes on is a matter of taste: such an edit is *loose*, and neighbours
/// that it only meets are left out, before and after.
fn outside(file: &SourceFile, edited: &[(Span, bool)]) -> Vec<Outside> {
    struct Collector<'a> {
        edited: &'a [(Span, bool)],
        depth: usize,
        statements: Vec<usize>,
        nodes: Vec<Outside>,
    }
    impl<'a> SourceOrderVisitor<'a> for Collector<'_> {
        fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
            self.depth += 1;
            let span = span(&node);
            let touched = self.edited.iter().any(|(edited, is_loose)| {
                edited.overlaps(span)
                    || (*is_loose && edited.start <= span.end && span.start <= edited.end)
            });
            // An empty parameter list and the like have no text that could be kept.
            if !touched && span.start < span.end {
                self.nodes.push(Outside {
                    kind: node.kind(),
                    depth: self.depth,
                    span,
                    parent: self.statements.last().copied().filter(|at| {
                        let is_made = |(edited, _): &(Span, bool)| {
                            edited.start <= *at && *at < edited.end.max(edited.start + 1)
                        };
                        node.is_statement() && !self.edited.iter().any(is_made)
                    }),
                });
            }
            if node.is_statement() {
                self.statements.push(span.start);
            }
            TraversalSignal::Traverse
        }

        fn visit_stmt(&mut self, statement: &'a Stmt) {
            deeper(|| source_order::walk_stmt(self, statement));
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            deeper(|| source_order::walk_expr(self, expression));
        }

        fn leave_node(&mut self, node: AnyNodeRef<'a>) {
            self.depth -= 1;
            if node.is_statement() {
                self.statements.pop();
            }
        }
    }
    let mut collector = Collector {
        edited,
        depth: 0,
        statements: Vec::new(),
        nodes: Vec::new(),
    };
    walk_node(&mut collector, AnyNodeRef::from(file.syntax().module()));
    collector.nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;
    use proptest::prelude::*;

    fn edited(text: &str, old: &str, new: &str) -> Result<String, EditError> {
        let file = SourceFile::from_text(text.into(), Target { minor: 8 });
        let start = text.find(old).expect("is there");
        let edit = Edit::replace(Span::new(start, start + old.len()), new);
        checked(&file, &[edit]).map(|file| file.text().to_owned())
    }

    #[test]
    fn an_edit_changes_what_it_says_and_nothing_else() {
        let text = "a = []\nif x in a:  # why\n    f(a)\n";
        assert_eq!(
            edited(text, "[]", "set()").as_deref(),
            Ok("a = set()\nif x in a:  # why\n    f(a)\n")
        );
        assert_eq!(
            edited(text, "a:  # why\n", "b:\n"),
            Err(EditError::Comment { line: 2 })
        );
        // It would swallow the rest of the file.
        assert!(edited("a = 1\nb = 'x'\n", "1", "'''").is_err());
        assert!(edited("a = 1\nb = 'x'\n", "1", "1; del b;").is_ok());
        // It would take the next line into its own block.
        assert_eq!(
            edited("a = 1\nif x:\n    b\n    c\n", "    b\n", "    b\nif y:\n"),
            Err(EditError::Outside { line: 4 })
        );
        // Python 3.8 has no such statement.
        assert!(matches!(
            edited("a = 1\n", "a = 1", "type a = int"),
            Err(EditError::Invalid { .. })
        ));
        assert_eq!(
            edited("a = (\nb = 1\n", "1", "2"),
            Err(EditError::Broken { line: 2 })
        );
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let both = [Edit::delete(Span::new(0, 3)), Edit::insert(2, "x")];
        assert_eq!(apply("abcd", &both), Err(EditError::Misplaced));
        assert_eq!(
            apply("é", &[Edit::insert(1, "x")]),
            Err(EditError::Misplaced)
        );
        assert_eq!(
            apply("a", &[Edit::insert(9, "x")]),
            Err(EditError::Misplaced)
        );
    }

    proptest! {
        #[test]
        fn bytes_outside_stay(text in "[a-zé\n ]{0,40}", at in 0_usize..50, len in 0_usize..9, new in "[a-z]{0,5}") {
            let edit = Edit::replace(Span::new(at, at + len), new.clone());
            if let Ok(out) = apply(&text, std::slice::from_ref(&edit)) {
                prop_assert_eq!(&out[..at], &text[..at]);
                prop_assert_eq!(&out[at + new.len()..], &text[at + len..]);
            }
        }
    }
}
