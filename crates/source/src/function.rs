//! Functions as code objects name them.

use crate::module::{NodeId, ScopeId};

/// A function, lambda, class body, comprehension or the module: what has a code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// `co_qualname`: `outer.<locals>.inner`, `Class.method`, `<module>`.
    pub qualified_name: String,
    /// `co_firstlineno`: the line of the first decorator, or of `def`.
    pub first_line: u32,
    /// The node.
    pub node: NodeId,
    /// The scope that it makes.
    pub scope: ScopeId,
}

impl Function {
    /// `co_name`: the last part.
    pub fn name(&self) -> &str {
        let name = &self.qualified_name;
        name.rsplit_once('.').map_or(name, |(_, last)| last)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Module, SourceFile, Target};

    #[test]
    fn functions_have_the_names_and_lines_of_code_objects() {
        let text = "\
class A:
    @staticmethod
    @other(
        1)
    def f(x=lambda: 0):
        def g():
            global h
            def h(): pass
            return [y for y in x]
        return (lambda: g)
async def f(): return {z async for z in f()}
";
        let file = SourceFile::from_text(text.into(), Target::NEWEST);
        let module = Module::new(&file);
        let all = module.functions().iter();
        let all: Vec<_> = all
            .map(|f| (f.qualified_name.as_str(), f.first_line))
            .collect();
        assert_eq!(
            all,
            [
                ("<module>", 1),
                ("A", 1),
                ("A.<lambda>", 5),
                ("A.f", 2),
                ("A.f.<locals>.g", 6),
                ("h", 8),
                ("A.f.<locals>.g.<locals>.<listcomp>", 9),
                ("A.f.<locals>.<lambda>", 10),
                ("f", 11),
                ("f.<locals>.<setcomp>", 11),
            ]
        );
        assert!(
            module
                .function_at("f", 2)
                .is_some_and(|f| f.qualified_name == "A.f")
        );
        assert!(module.function_at("f", 3).is_none());
    }
}
