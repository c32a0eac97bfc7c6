//! The tree of a file with what its names mean: scopes, variables, loops.
//!
//! Nodes are numbered in the order of a walk, so that a subtree is a range of numbers and a rule
//! can go from any node to its parents, its scope, its loops and its variable without a walk of
//! its own. Scopes are those of Python's reference (§4.2): classes are not seen from the functions
//! inside of them, comprehensions have one of their own but for their first iterable, `:=` binds
//! outside of comprehensions, and a name that is nowhere bound is a builtin, unless a star import
//! may have brought anything.

use crate::file::SourceFile;
use crate::function::Function;
use crate::position::Span;
use crate::syntax::{self, AnyNodeRef, Expr, Stmt, ast};
use crate::walk::Walker;
use rustc_hash::FxHashMap;
use std::ops::Range;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// Its number, from 0.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A node of a module. The same text has the same numbers.
    NodeId;
    /// A scope of a module; the first is the module's own.
    ScopeId;
    /// A variable of a module.
    VariableId;
    /// A loop of a module.
    LoopId;
}

/// One node of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The node itself.
    pub syntax: AnyNodeRef<'a>,
    /// What it is a part of; the module is part of itself.
    pub parent: NodeId,
    /// The first number behind its subtree.
    pub(crate) end: u32,
    /// Where its names are looked up.
    pub scope: ScopeId,
    /// The innermost loop that runs it again and again. What a `for` iterates over is not in it.
    pub looped: Option<LoopId>,
    /// The variable that a name stands for.
    pub variable: Option<VariableId>,
}

/// What kind of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// The module.
    Module,
    /// The body of a class.
    Class,
    /// A function.
    Function,
    /// A lambda.
    Lambda,
    /// A comprehension of a list, set or dict.
    Comprehension,
    /// A generator expression.
    Generator,
}

/// A scope.
#[derive(Clone, Debug)]
pub struct Scope {
    /// What kind.
    pub kind: ScopeKind,
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// The node that makes it.
    pub node: NodeId,
}

/// How a variable gets a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingKind {
    /// `x = value`, also as one of several targets.
    Assign,
    /// `x: int = value`, or without a value.
    Annotated,
    /// `x += value`.
    Augmented,
    /// `x := value`.
    Walrus,
    /// A target inside of a tuple or list, wherever that stands.
    Unpacked,
    /// The target of a `for`.
    For,
    /// The target of a comprehension.
    Comprehension,
    /// `with … as x`.
    With,
    /// A parameter.
    Parameter,
    /// `import x`, `import x.y as z`.
    Import,
    /// `from a import x`.
    ImportFrom,
    /// `def x`.
    Function,
    /// `class x`.
    Class,
    /// `except … as x`.
    Except,
    /// A capture of a `match`.
    Match,
    /// `del x`.
    Delete,
    /// A type parameter or `type x = …`.
    Type,
}

/// One place where a variable gets a value, or loses it.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The name, or the statement, parameter or alias that has it.
    pub node: NodeId,
    /// How.
    pub kind: BindingKind,
    /// What is assigned, for `Assign`, `Annotated`, `Augmented` and `Walrus`; what is iterated
    /// over, for `For` and `Comprehension`; the default of a parameter.
    pub value: Option<&'a Expr>,
}

/// A name in a scope.
#[derive(Clone, Debug)]
pub struct Variable<'a> {
    /// The name.
    pub name: &'a str,
    /// Its scope.
    pub scope: ScopeId,
    /// Where it is bound, in the order of the walk.
    pub bindings: Vec<Binding<'a>>,
    /// Where it is read, in the order of the walk.
    pub uses: Vec<NodeId>,
    /// Another function, lambda or class body reads or binds it too.
    pub is_captured: bool,
}

/// What repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoopKind {
    /// `for`.
    For,
    /// `while`.
    While,
    /// A clause of a comprehension or generator expression.
    Comprehension,
}

/// A loop.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    /// What repeats.
    pub kind: LoopKind,
    /// The statement, or the clause.
    pub node: NodeId,
    /// The loop around it in the same function.
    pub parent: Option<LoopId>,
}

/// A file with its names resolved.
#[derive(Debug)]
pub struct Module<'a> {
    file: &'a SourceFile,
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) variables: Vec<Variable<'a>>,
    pub(crate) loops: Vec<Loop>,
    pub(crate) names: FxHashMap<(ScopeId, &'a str), VariableId>,
    pub(crate) functions: Vec<Function>,
    pub(crate) has_star_import: bool,
}

impl<'a> Module<'a> {
    /// Resolves a file. What could not be parsed is missing.
    pub fn new(file: &'a SourceFile) -> Self {
        Walker::new(file).finish()
    }

    pub(crate) fn empty(file: &'a SourceFile) -> Self {
        Self {
            file,
            nodes: Vec::new(),
            scopes: Vec::new(),
            variables: Vec::new(),
            loops: Vec::new(),
            names: FxHashMap::default(),
            functions: Vec::new(),
            has_star_import: false,
        }
    }

    /// The file.
    pub fn file(&self) -> &'a SourceFile {
        self.file
    }

    /// All nodes, in the order of the walk.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The numbers of all nodes.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.index()]
    }

    /// Its syntax.
    pub fn syntax(&self, id: NodeId) -> AnyNodeRef<'a> {
        self.node(id).syntax
    }

    /// It as an expression, if it is one.
    pub fn expression(&self, id: NodeId) -> Option<ast::ExprRef<'a>> {
        self.node(id).syntax.as_expr_ref()
    }

    /// Where it stands.
    pub fn span(&self, id: NodeId) -> Span {
        syntax::span(&self.node(id).syntax)
    }

    /// Its text.
    pub fn text(&self, id: NodeId) -> &'a str {
        self.file.slice(self.span(id))
    }

    /// The text of an expression.
    pub fn text_of(&self, expression: &Expr) -> &'a str {
        self.file.slice(syntax::span(expression))
    }

    /// The number of a node that was seen by its syntax.
    pub fn id_of(&self, expression: &Expr) -> Option<NodeId> {
        let index = ast::HasNodeIndex::node_index(expression).load().as_u32()?;
        ((index as usize) < self.nodes.len()).then_some(NodeId(index))
    }

    /// The number of a statement.
    pub fn id_of_statement(&self, statement: &Stmt) -> Option<NodeId> {
        let index = ast::HasNodeIndex::node_index(statement).load().as_u32()?;
        ((index as usize) < self.nodes.len()).then_some(NodeId(index))
    }

    /// Its parents, from the nearest to the module.
    pub fn parents(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut at = id;
        std::iter::from_fn(move || {
            let parent = self.node(at).parent;
            let next = (parent != at).then_some(parent);
            at = parent;
            next
        })
    }

    /// The nodes of its subtree, itself first.
    pub fn subtree(&self, id: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (id.0..self.node(id).end).map(NodeId)
    }

    /// Whether `inner` is `outer` or a part of it.
    pub fn is_in(&self, inner: NodeId, outer: NodeId) -> bool {
        self.range(outer).contains(&inner.0)
    }

    fn range(&self, id: NodeId) -> Range<u32> {
        id.0..self.node(id).end
    }

    /// The statement that a node is part of; a statement is its own.
    pub fn statement(&self, id: NodeId) -> NodeId {
        let is_statement = |id: &NodeId| self.syntax(*id).is_statement();
        if is_statement(&id) {
            return id;
        }
        self.parents(id).find(is_statement).unwrap_or(NodeId(0))
    }

    /// The statement of the module's own body that a node is part of; the module for itself.
    pub fn statement_of_module(&self, id: NodeId) -> NodeId {
        let mut found = id;
        for parent in self.parents(id) {
            if parent == NodeId(0) {
                break;
            }
            found = parent;
        }
        found
    }

    /// How many statements are around a node, itself counted: 1 in the module's own body.
    pub fn statement_depth(&self, id: NodeId) -> usize {
        let own = usize::from(self.syntax(id).is_statement());
        let around = self.parents(id);
        own + around.filter(|id| self.syntax(*id).is_statement()).count()
    }

    /// One scope.
    pub fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id.index()]
    }

    /// The scope of the function, class or module around a node: comprehensions belong to theirs.
    pub fn frame_scope(&self, id: NodeId) -> ScopeId {
        let mut at = self.node(id).scope;
        while let ScopeKind::Comprehension | ScopeKind::Generator = self.scope(at).kind {
            at = self.scope(at).parent.unwrap_or(ScopeId(0));
        }
        at
    }

    /// One variable.
    pub fn variable(&self, id: VariableId) -> &Variable<'a> {
        &self.variables[id.index()]
    }

    /// All variables.
    pub fn variables(&self) -> &[Variable<'a>] {
        &self.variables
    }

    /// The variable that an expression names, if it is a name that is bound in this file.
    pub fn variable_of(&self, expression: &Expr) -> Option<VariableId> {
        let name = expression.as_name_expr()?;
        let index = name.node_index.load().as_u32()?;
        self.nodes.get(index as usize)?.variable
    }

    /// A name as it is seen from a scope.
    pub fn lookup(&self, name: &str, from: ScopeId) -> Option<VariableId> {
        let mut at = Some(from);
        while let Some(scope) = at {
            let is_seen = scope == from || self.scope(scope).kind != ScopeKind::Class;
            if is_seen && let Some(found) = self.names.get(&(scope, name)) {
                return Some(*found);
            }
            at = self.scope(scope).parent;
        }
        None
    }

    /// One loop.
    pub fn loop_of(&self, id: LoopId) -> Loop {
        self.loops[id.index()]
    }

    /// The loops that run a node again and again, from the innermost.
    pub fn loops_around(&self, id: NodeId) -> impl Iterator<Item = Loop> + '_ {
        let mut at = self.node(id).looped;
        std::iter::from_fn(move || {
            let found = self.loop_of(at?);
            at = found.parent;
            Some(found)
        })
    }

    /// Whether a loop runs a node again and again.
    pub fn is_repeated_by(&self, id: NodeId, by: Loop) -> bool {
        self.loops_around(id).any(|found| found.node == by.node)
    }

    /// Whether a loop gives a variable a new value while it runs.
    pub fn is_bound_in(&self, variable: VariableId, by: Loop) -> bool {
        let bindings = &self.variable(variable).bindings;
        bindings.iter().any(|binding| {
            let clause = self.node(by.node).parent;
            self.is_repeated_by(binding.node, by)
                || (by.kind == LoopKind::Comprehension
                    && binding.kind == BindingKind::Comprehension
                    && self.is_in(binding.node, clause))
        })
    }

    /// Whether an expression has the same value in every round of a loop, as far as its names go:
    /// none of them is bound in it, and it has no call, `await`, `yield`, attribute or item.
    pub fn is_constant_in(&self, expression: &Expr, by: Loop) -> bool {
        let Some(id) = self.id_of(expression) else {
            return false;
        };
        self.subtree(id).all(|part| match self.syntax(part) {
            AnyNodeRef::ExprName(_) => self
                .node(part)
                .variable
                .is_none_or(|variable| !self.is_bound_in(variable, by)),
            AnyNodeRef::ExprCall(_)
            | AnyNodeRef::ExprAwait(_)
            | AnyNodeRef::ExprYield(_)
            | AnyNodeRef::ExprYieldFrom(_)
            | AnyNodeRef::ExprNamed(_)
            | AnyNodeRef::ExprAttribute(_)
            | AnyNodeRef::ExprSubscript(_) => false,
            _ => true,
        })
    }

    /// Where a name comes from: `re.compile` for what `import re`, `import re as r` or
    /// `from re import compile` brought, `sorted` for a builtin. `None` for anything else, and for
    /// names that may be several things.
    pub fn origin(&self, expression: &Expr) -> Option<String> {
        match expression {
            Expr::Attribute(attribute) => {
                let of = self.origin(&attribute.value)?;
                Some(format!("{of}.{}", attribute.attr))
            }
            Expr::Name(name) => match self.variable_of(expression) {
                None => (!self.has_star_import).then(|| name.id.to_string()),
                Some(variable) => self.imported(variable),
            },
            _ => None,
        }
    }

    fn imported(&self, variable: VariableId) -> Option<String> {
        let variable = self.variable(variable);
        let mut origins = variable.bindings.iter().map(|binding| {
            let AnyNodeRef::Alias(alias) = self.syntax(binding.node) else {
                return None;
            };
            match (binding.kind, self.syntax(self.node(binding.node).parent)) {
                (BindingKind::ImportFrom, AnyNodeRef::StmtImportFrom(from)) if from.level == 0 => {
                    Some(format!("{}.{}", from.module.as_ref()?, alias.name))
                }
                (BindingKind::Import, _) if alias.asname.is_some() => Some(alias.name.to_string()),
                // `import a.b` binds `a`.
                (BindingKind::Import, _) => Some(variable.name.to_owned()),
                _ => None,
            }
        });
        let first = origins.next()??;
        origins
            .all(|other| other.as_ref() == Some(&first))
            .then_some(first)
    }

    /// Whether an expression is a builtin of that name, and nobody shadows it.
    pub fn is_builtin(&self, expression: &Expr, name: &str) -> bool {
        !self.has_star_import
            && expression.as_name_expr().is_some_and(|it| it.id == name)
            && self.variable_of(expression).is_none()
    }

    /// Whether anything may have come from `from … import *`.
    pub fn has_star_import(&self) -> bool {
        self.has_star_import
    }

    /// The functions, lambdas, classes and comprehensions, as code objects call them; the module
    /// is the first.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function, lambda, class body or module that a node runs in.
    pub fn function_around(&self, id: NodeId) -> &Function {
        let scope = self.frame_scope(id);
        let mut functions = self.functions.iter();
        functions
            .find(|function| function.scope == scope)
            .unwrap_or(&self.functions[0])
    }

    /// The function that a code object belongs to, by its qualified name (`outer.<locals>.inner`;
    /// before 3.11 code objects have only the last part) and first line.
    pub fn function_at(&self, name: &str, first_line: u32) -> Option<&Function> {
        let is_it = |function: &&Function| {
            function.first_line == first_line
                && (function.qualified_name == name || function.name() == name)
        };
        self.functions.iter().find(is_it)
    }
}
