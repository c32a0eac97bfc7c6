//! The brushes all pictures are painted with: cells, bars, numbers, cut text, tables.

pub(crate) mod bar;
pub mod number;
pub(crate) mod page;
pub(crate) mod printf;
mod style;
pub(crate) mod table;
pub(crate) mod text;

pub(crate) use page::{Line, Page};
pub use style::Style;
pub(crate) use style::Tint;
pub(crate) use table::{Cell, Column, Table};
