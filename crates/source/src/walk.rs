//! The walk that numbers the nodes and finds scopes, bindings and loops.

use crate::file::SourceFile;
use crate::function::Function;
use crate::module::{
    Binding, BindingKind, Loop, LoopId, LoopKind, Module, Node, NodeId, Scope, ScopeId, ScopeKind,
    Variable, VariableId,
};
use crate::syntax::ast::{self, ExprContext, HasNodeIndex, NodeIndex};
use crate::syntax::source_order::{
    self, SourceOrderVisitor, TraversalSignal, walk_expr, walk_pattern, walk_stmt,
};
use crate::syntax::{AnyNodeRef, Expr, Ranged, Stmt, deeper};
use rustc_hash::{FxHashMap, FxHashSet};

/// A name that was seen, to be resolved when all bindings are known.
struct Seen<'a> {
    name: &'a str,
    node: NodeId,
    scope: ScopeId,
}

/// The state of the walk.
pub(crate) struct Walker<'a> {
    module: Module<'a>,
    stack: Vec<NodeId>,
    scope: ScopeId,
    looped: Option<LoopId>,
    bound: Vec<(Seen<'a>, BindingKind, Option<&'a Expr>)>,
    used: Vec<Seen<'a>>,
    globals: FxHashSet<(ScopeId, &'a str)>,
    nonlocals: FxHashSet<(ScopeId, &'a str)>,
    qualified: FxHashMap<ScopeId, String>,
}

/// Parts of nodes that are not numbered: they have nothing to look up.
fn is_plain(node: AnyNodeRef<'_>) -> bool {
    matches!(
        node,
        AnyNodeRef::Identifier(_)
            | AnyNodeRef::Arguments(_)
            | AnyNodeRef::Parameters(_)
            | AnyNodeRef::StringLiteral(_)
            | AnyNodeRef::BytesLiteral(_)
            | AnyNodeRef::FString(_)
            | AnyNodeRef::TString(_)
            | AnyNodeRef::InterpolatedStringLiteralElement(_)
            | AnyNodeRef::InterpolatedStringFormatSpec(_)
    )
}

impl<'a> Walker<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        let mut walker = Self {
            module: Module::empty(file),
            stack: Vec::new(),
            scope: ScopeId(0),
            looped: None,
            bound: Vec::new(),
            used: Vec::new(),
            globals: FxHashSet::default(),
            nonlocals: FxHashSet::default(),
            qualified: FxHashMap::default(),
        };
        let root = AnyNodeRef::from(file.syntax().module());
        walker.module.scopes.push(Scope {
            kind: ScopeKind::Module,
            parent: None,
            node: NodeId(0),
        });
        walker.qualified.insert(ScopeId(0), String::new());
        walker.module.functions.push(Function {
            qualified_name: "<module>".into(),
            first_line: 1,
            node: NodeId(0),
            scope: ScopeId(0),
        });
        walker.enter_node(root);
        for statement in &file.syntax().module().body {
            walker.visit_stmt(statement);
        }
        walker.leave_node(root);
        walker
    }

    /// Resolves the names, bindings first.
    pub(crate) fn finish(mut self) -> Module<'a> {
        for (seen, kind, value) in std::mem::take(&mut self.bound) {
            let scope = self.binding_scope(&seen);
            let variables = &mut self.module.variables;
            let id = *(self.module.names.entry((scope, seen.name))).or_insert_with(|| {
                variables.push(Variable {
                    name: seen.name,
                    scope,
                    bindings: Vec::new(),
                    uses: Vec::new(),
                    is_captured: false,
                });
                VariableId(variables.len() as u32 - 1)
            });
            let is_captured = self.is_from_outside(seen.scope, scope);
            let variable = &mut self.module.variables[id.index()];
            variable.is_captured |= is_captured;
            variable.bindings.push(Binding {
                node: seen.node,
                kind,
                value,
            });
            self.module.nodes[seen.node.index()].variable = Some(id);
            // `x += 1` reads too.
            if matches!(kind, BindingKind::Augmented | BindingKind::Delete) {
                variable.uses.push(seen.node);
            }
        }
        for seen in std::mem::take(&mut self.used) {
            let from = if self.globals.contains(&(seen.scope, seen.name)) {
                ScopeId(0)
            } else {
                seen.scope
            };
            let Some(id) = self.module.lookup(seen.name, from) else {
                continue;
            };
            let home = self.module.variable(id).scope;
            let is_captured = self.is_from_outside(seen.scope, home);
            let variable = &mut self.module.variables[id.index()];
            variable.uses.push(seen.node);
            variable.is_captured |= is_captured;
            self.module.nodes[seen.node.index()].variable = Some(id);
        }
        self.module
    }

    /// The scope that a binding belongs to.
    fn binding_scope(&self, seen: &Seen<'a>) -> ScopeId {
        let key = (seen.scope, seen.name);
        if self.globals.contains(&key) {
            return ScopeId(0);
        }
        if !self.nonlocals.contains(&key) {
            return seen.scope;
        }
        // The nearest function around that binds it without saying nonlocal itself; which ones
        // do is known, because every binding was seen.
        let mut at = self.module.scope(seen.scope).parent;
        while let Some(scope) = at {
            let kind = self.module.scope(scope).kind;
            let is_function = matches!(kind, ScopeKind::Function | ScopeKind::Lambda);
            if is_function
                && !self.nonlocals.contains(&(scope, seen.name))
                && (self.bound.is_empty() || self.binds(scope, seen.name))
            {
                return scope;
            }
            at = self.module.scope(scope).parent;
        }
        seen.scope
    }

    fn binds(&self, scope: ScopeId, name: &str) -> bool {
        self.module.names.contains_key(&(scope, name))
    }

    /// Whether code of one scope runs apart from that of another: there is a function, lambda or
    /// class body between.
    fn is_from_outside(&self, from: ScopeId, home: ScopeId) -> bool {
        let mut at = from;
        while at != home {
            let scope = self.module.scope(at);
            if !matches!(scope.kind, ScopeKind::Comprehension) {
                return true;
            }
            match scope.parent {
                Some(parent) => at = parent,
                None => return true,
            }
        }
        false
    }

    fn here(&self) -> NodeId {
        self.stack.last().copied().unwrap_or(NodeId(0))
    }

    fn bind(&mut self, name: &'a str, node: NodeId, kind: BindingKind, value: Option<&'a Expr>) {
        let mut scope = self.scope;
        if kind == BindingKind::Walrus {
            while let ScopeKind::Comprehension | ScopeKind::Generator =
                self.module.scope(scope).kind
            {
                scope = self.module.scope(scope).parent.unwrap_or(ScopeId(0));
            }
        }
        self.bound.push((Seen { name, node, scope }, kind, value));
    }

    fn new_scope(&mut self, kind: ScopeKind, name: &str, offset: usize) -> ScopeId {
        let id = ScopeId(self.module.scopes.len() as u32);
        let node = self.here();
        let outer = self.scope;
        self.module.scopes.push(Scope {
            kind,
            parent: Some(outer),
            node,
        });
        let is_global = self.globals.contains(&(outer, name));
        let prefix = match self.qualified.get(&outer) {
            Some(prefix) if !is_global => prefix.as_str(),
            _ => "",
        };
        let qualified_name = format!("{prefix}{name}");
        let inner = match kind {
            ScopeKind::Class => format!("{qualified_name}."),
            _ => format!("{qualified_name}.<locals>."),
        };
        self.qualified.insert(id, inner);
        self.module.functions.push(Function {
            qualified_name,
            first_line: self.module.file().lines().line(offset),
            node,
            scope: id,
        });
        id
    }

    fn new_loop(&mut self, kind: LoopKind, node: NodeId) -> LoopId {
        let id = LoopId(self.module.loops.len() as u32);
        self.module.loops.push(Loop {
            kind,
            node,
            parent: self.looped,
        });
        id
    }

    /// Walks with another scope and loop, and returns to these.
    fn within(&mut self, scope: ScopeId, looped: Option<LoopId>, go: impl FnOnce(&mut Self)) {
        let before = (self.scope, self.looped);
        (self.scope, self.looped) = (scope, looped);
        go(self);
        (self.scope, self.looped) = before;
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef) {
        let node = self.here();
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(&function.name, node, BindingKind::Function, None);
        self.outside_of_parameters(&function.parameters);
        if let Some(returns) = &function.returns {
            self.visit_annotation(returns);
        }
        let start = function.decorator_list.first();
        let start = start.map_or(function.range.start(), Ranged::start);
        // The range of a function begins with its decorators, if it has some.
        let scope = self.new_scope(ScopeKind::Function, &function.name, start.to_usize());
        self.within(scope, None, |walker| {
            if let Some(types) = &function.type_params {
                walker.visit_type_params(types);
            }
            walker.parameters(&function.parameters);
            walker.visit_body(&function.body);
        });
    }

    fn class(&mut self, class: &'a ast::StmtClassDef) {
        let node = self.here();
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        self.bind(&class.name, node, BindingKind::Class, None);
        if let Some(arguments) = &class.arguments {
            self.visit_arguments(arguments);
        }
        let start = class.decorator_list.first();
        let start = start.map_or(class.range.start(), Ranged::start);
        let scope = self.new_scope(ScopeKind::Class, &class.name, start.to_usize());
        let looped = self.looped;
        self.within(scope, looped, |walker| {
            if let Some(types) = &class.type_params {
                walker.visit_type_params(types);
            }
            walker.visit_body(&class.body);
        });
    }

    /// Defaults and annotations, which are evaluated where the function is made.
    fn outside_of_parameters(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            if let Some(annotation) = &parameter.parameter.annotation {
                self.visit_annotation(annotation);
            }
            if let Some(default) = &parameter.default {
                self.visit_expr(default);
            }
        }
        for parameter in [&parameters.vararg, &parameters.kwarg]
            .into_iter()
            .flatten()
        {
            if let Some(annotation) = &parameter.annotation {
                self.visit_annotation(annotation);
            }
        }
    }

    fn parameters(&mut self, parameters: &'a ast::Parameters) {
        for parameter in parameters.iter_non_variadic_params() {
            let default = parameter.default.as_deref();
            self.parameter(&parameter.parameter, default);
        }
        for parameter in [&parameters.vararg, &parameters.kwarg]
            .into_iter()
            .flatten()
        {
            self.parameter(parameter, None);
        }
    }

    fn parameter(&mut self, parameter: &'a ast::Parameter, default: Option<&'a Expr>) {
        let node = AnyNodeRef::from(parameter);
        self.enter_node(node);
        let here = self.here();
        self.bind(&parameter.name, here, BindingKind::Parameter, default);
        self.leave_node(node);
    }

    fn for_loop(&mut self, statement: &'a ast::StmtFor) {
        let (scope, outer) = (self.scope, self.looped);
        let inner = Some(self.new_loop(LoopKind::For, self.here()));
        self.within(scope, inner, |walker| walker.visit_expr(&statement.target));
        self.visit_expr(&statement.iter);
        self.within(scope, inner, |walker| walker.visit_body(&statement.body));
        self.within(scope, outer, |walker| walker.visit_body(&statement.orelse));
    }

    fn while_loop(&mut self, statement: &'a ast::StmtWhile) {
        let scope = self.scope;
        let inner = Some(self.new_loop(LoopKind::While, self.here()));
        self.within(scope, inner, |walker| {
            walker.visit_expr(&statement.test);
            walker.visit_body(&statement.body);
        });
        self.visit_body(&statement.orelse);
    }

    fn comprehension(
        &mut self,
        name: &str,
        expression: &'a Expr,
        parts: &[&'a Expr],
        generators: &'a [ast::Comprehension],
    ) {
        let kind = match expression {
            Expr::Generator(_) => ScopeKind::Generator,
            _ => ScopeKind::Comprehension,
        };
        let scope = self.new_scope(kind, name, expression.start().to_usize());
        // A generator runs later, but is nearly always used up where it is made.
        let outer = (self.scope, self.looped);
        let mut looped = self.looped;
        for (at, clause) in generators.iter().enumerate() {
            let node = AnyNodeRef::from(clause);
            self.within(scope, looped, |walker| {
                walker.enter_node(node);
            });
            let (iter_scope, iter_loop) = if at == 0 { outer } else { (scope, looped) };
            self.within(iter_scope, iter_loop, |walker| {
                walker.visit_expr(&clause.iter);
            });
            let here = self.here();
            self.within(scope, looped, |walker| {
                looped = Some(walker.new_loop(LoopKind::Comprehension, here));
            });
            self.within(scope, looped, |walker| {
                walker.visit_expr(&clause.target);
                for condition in &clause.ifs {
                    walker.visit_expr(condition);
                }
            });
            self.leave_node(node);
        }
        self.within(scope, looped, |walker| {
            for part in parts {
                walker.visit_expr(part);
            }
        });
    }

    fn name(&mut self, name: &'a ast::ExprName) {
        let node = self.here();
        let parent = self.module.node(node).parent;
        let parent = self.module.syntax(parent);
        let (kind, value) = match (name.ctx, parent) {
            (ExprContext::Load | ExprContext::Invalid, _) => {
                let scope = self.scope;
                let name = name.id.as_str();
                self.used.push(Seen { name, node, scope });
                return;
            }
            (ExprContext::Del, _) => (BindingKind::Delete, None),
            (_, AnyNodeRef::StmtAssign(it)) => (BindingKind::Assign, Some(&*it.value)),
            (_, AnyNodeRef::StmtAugAssign(it)) => (BindingKind::Augmented, Some(&*it.value)),
            (_, AnyNodeRef::StmtAnnAssign(it)) => (BindingKind::Annotated, it.value.as_deref()),
            (_, AnyNodeRef::ExprNamed(it)) => (BindingKind::Walrus, Some(&*it.value)),
            (_, AnyNodeRef::StmtFor(it)) => (BindingKind::For, Some(&*it.iter)),
            (_, AnyNodeRef::Comprehension(it)) => (BindingKind::Comprehension, Some(&it.iter)),
            (_, AnyNodeRef::WithItem(_)) => (BindingKind::With, None),
            (_, AnyNodeRef::StmtTypeAlias(_)) => (BindingKind::Type, None),
            _ => (BindingKind::Unpacked, None),
        };
        self.bind(&name.id, node, kind, value);
    }
}

impl<'a> SourceOrderVisitor<'a> for Walker<'a> {
    fn enter_node(&mut self, node: AnyNodeRef<'a>) -> TraversalSignal {
        if is_plain(node) {
            return TraversalSignal::Traverse;
        }
        let id = NodeId(self.module.nodes.len() as u32);
        node.node_index().set(NodeIndex::from(id.0));
        self.module.nodes.push(Node {
            syntax: node,
            parent: self.stack.last().copied().unwrap_or(id),
            end: id.0 + 1,
            scope: self.scope,
            looped: self.looped,
            variable: None,
        });
        self.stack.push(id);
        TraversalSignal::Traverse
    }

    fn leave_node(&mut self, node: AnyNodeRef<'a>) {
        if !is_plain(node)
            && let Some(id) = self.stack.pop()
        {
            self.module.nodes[id.index()].end = self.module.nodes.len() as u32;
        }
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        deeper(|| {
            let node = AnyNodeRef::from(statement);
            match statement {
                Stmt::FunctionDef(function) => {
                    self.enter_node(node);
                    self.function(function);
                    self.leave_node(node);
                }
                Stmt::ClassDef(class) => {
                    self.enter_node(node);
                    self.class(class);
                    self.leave_node(node);
                }
                Stmt::For(it) => {
                    self.enter_node(node);
                    self.for_loop(it);
                    self.leave_node(node);
                }
                Stmt::While(it) => {
                    self.enter_node(node);
                    self.while_loop(it);
                    self.leave_node(node);
                }
                Stmt::Global(it) => {
                    let scope = self.scope;
                    self.globals
                        .extend(it.names.iter().map(|name| (scope, name.as_str())));
                    walk_stmt(self, statement);
                }
                Stmt::Nonlocal(it) => {
                    let scope = self.scope;
                    self.nonlocals
                        .extend(it.names.iter().map(|name| (scope, name.as_str())));
                    walk_stmt(self, statement);
                }
                _ => walk_stmt(self, statement),
            }
        });
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        deeper(|| {
            let node = AnyNodeRef::from(expression);
            match expression {
                Expr::Name(name) => {
                    self.enter_node(node);
                    self.name(name);
                    self.leave_node(node);
                }
                Expr::Lambda(it) => {
                    self.enter_node(node);
                    if let Some(parameters) = &it.parameters {
                        self.outside_of_parameters(parameters);
                    }
                    let start = it.range.start().to_usize();
                    let scope = self.new_scope(ScopeKind::Lambda, "<lambda>", start);
                    self.within(scope, None, |walker| {
                        if let Some(parameters) = &it.parameters {
                            walker.parameters(parameters);
                        }
                        walker.visit_expr(&it.body);
                    });
                    self.leave_node(node);
                }
                Expr::ListComp(it) => {
                    self.enter_node(node);
                    self.comprehension("<listcomp>", expression, &[&it.elt], &it.generators);
                    self.leave_node(node);
                }
                Expr::SetComp(it) => {
                    self.enter_node(node);
                    self.comprehension("<setcomp>", expression, &[&it.elt], &it.generators);
                    self.leave_node(node);
                }
                Expr::DictComp(it) => {
                    self.enter_node(node);
                    let key = it.key.as_deref();
                    let parts: Vec<&'a Expr> = key.into_iter().chain([&*it.value]).collect();
                    self.comprehension("<dictcomp>", expression, &parts, &it.generators);
                    self.leave_node(node);
                }
                Expr::Generator(it) => {
                    self.enter_node(node);
                    self.comprehension("<genexpr>", expression, &[&it.elt], &it.generators);
                    self.leave_node(node);
                }
                _ => walk_expr(self, expression),
            }
        });
    }

    fn visit_pattern(&mut self, pattern: &'a ast::Pattern) {
        deeper(|| {
            let name = match pattern {
                ast::Pattern::MatchAs(it) => it.name.as_ref(),
                ast::Pattern::MatchStar(it) => it.name.as_ref(),
                ast::Pattern::MatchMapping(it) => it.rest.as_ref(),
                _ => None,
            };
            let node = NodeId(self.module.nodes.len() as u32);
            walk_pattern(self, pattern);
            if let Some(name) = name {
                self.bind(name, node, BindingKind::Match, None);
            }
        });
    }

    fn visit_except_handler(&mut self, handler: &'a ast::ExceptHandler) {
        let node = NodeId(self.module.nodes.len() as u32);
        let ast::ExceptHandler::ExceptHandler(it) = handler;
        if let Some(name) = &it.name {
            self.bind(name, node, BindingKind::Except, None);
        }
        source_order::walk_except_handler(self, handler);
    }

    fn visit_alias(&mut self, alias: &'a ast::Alias) {
        let node = NodeId(self.module.nodes.len() as u32);
        let is_from = matches!(
            self.module.syntax(self.here()),
            AnyNodeRef::StmtImportFrom(_)
        );
        source_order::walk_alias(self, alias);
        let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
        if is_from && name == "*" {
            self.module.has_star_import = true;
            return;
        }
        let kind = match is_from {
            true => BindingKind::ImportFrom,
            false => BindingKind::Import,
        };
        let name = match alias.asname {
            Some(_) => name,
            None => name.split('.').next().unwrap_or(name),
        };
        self.bind(name, node, kind, None);
    }

    fn visit_type_param(&mut self, parameter: &'a ast::TypeParam) {
        let node = NodeId(self.module.nodes.len() as u32);
        self.bind(parameter.name(), node, BindingKind::Type, None);
        source_order::walk_type_param(self, parameter);
    }
}
