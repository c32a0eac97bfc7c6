//! What kind of object an expression is, where the text alone proves it.

use crate::module::{BindingKind, Module, VariableId};
use crate::syntax::{AnyNodeRef, Expr, ast};

/// The builtin type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `list`.
    List,
    /// `tuple`.
    Tuple,
    /// `set` or `frozenset`.
    Set,
    /// `dict`.
    Dict,
    /// `str`.
    Text,
    /// `bytes`.
    Bytes,
    /// `bytearray`.
    ByteArray,
    /// `int`, `float`, `complex` or `bool`.
    Number,
    /// `None`.
    Nothing,
}

/// How many assignments are followed.
const DEPTH: u8 = 4;

impl<'a> Module<'a> {
    /// The type of an expression, if the text proves it.
    pub fn shape(&self, expression: &Expr) -> Option<Shape> {
        self.shape_within(expression, DEPTH)
    }

    /// The type that a variable has at every binding, if the text proves it. A parameter has none.
    pub fn variable_shape(&self, variable: VariableId) -> Option<Shape> {
        self.variable_shape_within(variable, DEPTH)
    }

    /// The type that a parameter or annotated variable is declared to have: what its author says.
    pub fn declared_shape(&self, variable: VariableId) -> Option<Shape> {
        let variable = self.variable(variable);
        let mut shapes = variable.bindings.iter().filter_map(|binding| {
            let annotation = match self.syntax(binding.node) {
                AnyNodeRef::Parameter(parameter) => parameter.annotation.as_deref(),
                AnyNodeRef::ExprName(_) => match self.syntax(self.node(binding.node).parent) {
                    AnyNodeRef::StmtAnnAssign(it) => Some(&*it.annotation),
                    _ => None,
                },
                _ => None,
            };
            annotation.map(declared)
        });
        let first = shapes.next()??;
        shapes.all(|shape| shape == Some(first)).then_some(first)
    }

    fn shape_within(&self, expression: &Expr, depth: u8) -> Option<Shape> {
        let depth = depth.checked_sub(1)?;
        match expression {
            Expr::List(_) | Expr::ListComp(_) => Some(Shape::List),
            Expr::Tuple(_) => Some(Shape::Tuple),
            Expr::Set(_) | Expr::SetComp(_) => Some(Shape::Set),
            Expr::Dict(_) | Expr::DictComp(_) => Some(Shape::Dict),
            Expr::StringLiteral(_) | Expr::FString(_) => Some(Shape::Text),
            Expr::BytesLiteral(_) => Some(Shape::Bytes),
            Expr::NumberLiteral(_) | Expr::BooleanLiteral(_) => Some(Shape::Number),
            Expr::NoneLiteral(_) => Some(Shape::Nothing),
            Expr::Name(_) => self.variable_shape_within(self.variable_of(expression)?, depth),
            Expr::Named(it) => self.shape_within(&it.value, depth),
            Expr::If(it) => {
                let one = self.shape_within(&it.body, depth)?;
                (self.shape_within(&it.orelse, depth)? == one).then_some(one)
            }
            Expr::BinOp(it) => {
                let (left, right) = (
                    self.shape_within(&it.left, depth),
                    self.shape_within(&it.right, depth),
                );
                match it.op {
                    // A text on either side: anything else raises, or has its own `__radd__`.
                    ast::Operator::Add if left == right => left,
                    ast::Operator::Mod if left == Some(Shape::Text) => left,
                    ast::Operator::Mult if right == Some(Shape::Number) => left,
                    _ => None,
                }
            }
            Expr::Call(it) => self.shape_of_call(it, depth),
            _ => None,
        }
    }

    fn shape_of_call(&self, call: &ast::ExprCall, depth: u8) -> Option<Shape> {
        if let Expr::Name(name) = &*call.func {
            if !self.is_builtin(&call.func, &name.id) {
                return None;
            }
            return match name.id.as_str() {
                "list" | "sorted" | "dir" => Some(Shape::List),
                "tuple" => Some(Shape::Tuple),
                "set" | "frozenset" => Some(Shape::Set),
                "dict" | "vars" | "globals" | "locals" => Some(Shape::Dict),
                "str" | "repr" | "ascii" | "chr" | "hex" | "oct" | "bin" | "format" | "input" => {
                    Some(Shape::Text)
                }
                "bytes" => Some(Shape::Bytes),
                "bytearray" => Some(Shape::ByteArray),
                "int" | "float" | "len" | "ord" | "hash" | "id" | "bool" => Some(Shape::Number),
                _ => None,
            };
        }
        let method = call.func.as_attribute_expr()?;
        let of = self.shape_within(&method.value, depth)?;
        match (of, method.attr.as_str()) {
            (Shape::Text | Shape::Bytes, "split" | "rsplit" | "splitlines") => Some(Shape::List),
            (
                Shape::Text,
                "join" | "format" | "strip" | "lstrip" | "rstrip" | "lower" | "upper" | "title"
                | "replace" | "ljust" | "rjust" | "center" | "zfill" | "capitalize" | "casefold"
                | "expandtabs" | "translate" | "swapcase" | "format_map",
            ) => Some(Shape::Text),
            (Shape::Text, "encode") => Some(Shape::Bytes),
            (Shape::Bytes, "decode" | "hex") => Some(Shape::Text),
            (Shape::Bytes, "join" | "strip" | "replace" | "lower" | "upper") => Some(Shape::Bytes),
            (Shape::List | Shape::Set | Shape::Dict, "copy") => Some(of),
            (Shape::List, "count" | "index") => Some(Shape::Number),
            _ => None,
        }
    }

    fn variable_shape_within(&self, variable: VariableId, depth: u8) -> Option<Shape> {
        let depth = depth.checked_sub(1)?;
        let mut found = None;
        for binding in &self.variable(variable).bindings {
            match (binding.kind, binding.value) {
                (
                    BindingKind::Assign | BindingKind::Annotated | BindingKind::Walrus,
                    Some(value),
                ) => {
                    let shape = self.shape_within(value, depth)?;
                    if found.is_some_and(|known| known != shape) {
                        return None;
                    }
                    found = Some(shape);
                }
                // `x += y` keeps the type of a builtin `x`, but for numbers among themselves.
                (BindingKind::Augmented, _) | (BindingKind::Delete, _) => {}
                (BindingKind::Annotated, None) => {}
                _ => return None,
            }
        }
        found
    }
}

/// What an annotation says: `list[int]`, `List[str]`, `"list"` is not read.
fn declared(annotation: &Expr) -> Option<Shape> {
    let name = match annotation {
        Expr::Subscript(it) => return declared(&it.value),
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return None,
    };
    match name {
        "list" | "List" => Some(Shape::List),
        "tuple" | "Tuple" => Some(Shape::Tuple),
        "set" | "Set" | "frozenset" | "FrozenSet" => Some(Shape::Set),
        "dict" | "Dict" => Some(Shape::Dict),
        "str" => Some(Shape::Text),
        "bytes" => Some(Shape::Bytes),
        "bytearray" => Some(Shape::ByteArray),
        "int" | "float" | "complex" | "bool" => Some(Shape::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{BindingKind, Module, Shape, SourceFile, Target, Variable};

    fn with<T>(text: &str, ask: impl FnOnce(&Module<'_>) -> T) -> T {
        let file = SourceFile::from_text(text.into(), Target::NEWEST);
        assert!(file.is_python(), "{:?}", file.problems());
        ask(&Module::new(&file))
    }

    fn variable<'m, 'a>(module: &'m Module<'a>, name: &str, at: usize) -> &'m Variable<'a> {
        let mut all = module.variables().iter().filter(|v| v.name == name);
        all.nth(at).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn names_belong_to_the_scopes_of_the_reference() {
        let text = "\
x = 1
class C:
    x = 2
    def f(self): return x
    ys = [x for x in x if (w := x)]
def g():
    global x
    x = 3
    n = 0
    def h():
        nonlocal n
        n += 1
        return n
    del n
    return {z: x for z in (lambda q=x: q)()}
";
        with(text, |module| {
            let x = variable(module, "x", 0);
            assert_eq!((x.bindings.len(), x.is_captured), (2, true), "{x:?}");
            // In f, in g's comprehension and in g's default: not the class's own.
            assert_eq!(x.uses.len(), 3);
            let in_class = variable(module, "x", 1);
            assert_eq!(in_class.uses.len(), 1);
            assert_eq!(variable(module, "w", 0).scope, in_class.scope);
            let n = variable(module, "n", 0);
            let kinds: Vec<_> = n.bindings.iter().map(|binding| binding.kind).collect();
            assert!(
                n.is_captured && kinds.contains(&BindingKind::Augmented),
                "{kinds:?}"
            );
            assert_eq!(
                module.variables().iter().filter(|v| v.name == "n").count(),
                1
            );
        });
    }

    #[test]
    fn loops_repeat_bodies_and_not_what_is_iterated_over() {
        let text = "\
for a in one:
    two
    def f(): three
    [four for b in five if six for c in seven]
else: eight
while nine: pass
";
        let depth = |name: &str| {
            with(text, |module| {
                let id = module.ids().find(|id| module.text(*id) == name);
                module.loops_around(id.expect("is there")).count()
            })
        };
        let names = [
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ];
        assert_eq!(names.map(depth), [0, 1, 0, 3, 1, 2, 2, 0, 1]);
    }

    #[test]
    fn types_are_told_only_where_they_are_proved() {
        let text = "\
a = []
b = a
c = sorted(b) if a else list()
d = ''
d += 'x'
e = 1
e = 'y'
def f(p: list[int], q=[]): return p
g = ' '.join(a).split()
from m import h
sum = 0
i = h()
for j in a: pass
";
        with(text, |module| {
            let shape = |name: &str| {
                let at = module.variables().iter().position(|v| v.name == name);
                module.variable_shape(crate::VariableId(at.expect("is there") as u32))
            };
            assert_eq!(["a", "b", "c"].map(shape), [Some(Shape::List); 3]);
            assert_eq!(shape("d"), Some(Shape::Text));
            assert_eq!(["e", "p", "q", "h", "i", "j"].map(shape), [None; 6]);
            assert_eq!(shape("g"), Some(Shape::List));
            let p = module.variables().iter().position(|v| v.name == "p");
            let p = crate::VariableId(p.expect("is there") as u32);
            assert_eq!(module.declared_shape(p), Some(Shape::List));
        });
    }

    #[test]
    fn origins_are_followed_through_imports() {
        let text = "import re as r, os.path\nfrom copy import deepcopy as dc\nfrom . import x\n\
                    r.compile\nos.path.join\ndc\nx\nsorted\n";
        with(text, |module| {
            let origins = module.file().syntax().module().body.iter().filter_map(|s| {
                let it = s.as_expr_stmt()?;
                Some(module.origin(&it.value))
            });
            let origins: Vec<_> = origins.map(|o| o.unwrap_or("?".into())).collect();
            assert_eq!(
                origins,
                ["re.compile", "os.path.join", "copy.deepcopy", "?", "sorted"]
            );
        });
    }

    #[test]
    fn deep_trees_need_no_deep_stack() {
        let text = format!("x = {}1\n", "1+".repeat(20_000));
        with(&text, |module| assert!(module.nodes().len() > 20_000));
    }
}
