//! Python source: what it says, where its names come from, and how to change a piece of it.
//!
//! Begin reading at `file` (a file with its tree and its problems) and `module` (the tree with
//! scopes, loops and names resolved). `syntax` is the only file of the project that knows whose
//! parser this is; its types are data, and everything that is a judgement about Python is ours.
//!
//! Nothing here does I/O, panics on input, or believes that a file is Python.
#![forbid(unsafe_code)]

mod edit;
mod encoding;
mod file;
mod function;
mod module;
mod position;
mod shape;
pub mod syntax;
mod walk;

pub use edit::{Edit, EditError, apply, checked};
pub use encoding::{Encoding, EncodingError, decode};
pub use file::{Problem, SourceFile};
pub use function::Function;
pub use module::{
    Binding, BindingKind, Loop, LoopId, LoopKind, Module, Node, NodeId, Scope, ScopeId, ScopeKind,
    Variable, VariableId,
};
pub use position::{LineIndex, Position, Span};
pub use shape::Shape;
pub use syntax::Target;
