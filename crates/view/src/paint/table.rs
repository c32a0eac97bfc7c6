//! Tables: columns as wide as their cells, cut where they do not fit.

use super::page::{Line, Page};
use super::style::Tint;
use super::{Style, text};

/// The space between two columns.
const GAP: usize = 3;
const NARROW_GAP: usize = 2;
/// Pages narrower than this set their columns closer.
const NARROW: usize = 72;

/// Where a column's text goes when it does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    Right,
    Middle,
}

/// How a column is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    right: bool,
    cut: Cut,
    least: usize,
    from_width: usize,
}

impl Column {
    /// Numbers: flush right, never cut.
    pub(crate) fn number() -> Self {
        Self {
            right: true,
            cut: Cut::Never,
            least: 0,
            from_width: 0,
        }
    }

    /// Words: flush left, never cut.
    pub(crate) fn word() -> Self {
        Self {
            right: false,
            ..Self::number()
        }
    }

    /// Code or names: cut at the right, down to `least` columns.
    pub(crate) fn code(least: usize) -> Self {
        Self {
            cut: Cut::Right,
            least,
            ..Self::word()
        }
    }

    /// Paths: cut in the middle, down to `least` columns.
    pub(crate) fn path(least: usize) -> Self {
        Self {
            cut: Cut::Middle,
            least,
            ..Self::word()
        }
    }

    /// Left out on pages narrower than `width`.
    pub(crate) fn on_pages_from(self, width: usize) -> Self {
        Self {
            from_width: width,
            ..self
        }
    }
}

/// A cell: a tint and a text.
pub(crate) type Cell = (Tint, String);

/// A table in the making.
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a quiet row of column titles.
    pub(crate) fn titles(&mut self, titles: [&str; N]) {
        let cell = |title: &str| (Tint::Quiet, title.to_owned());
        self.rows.push(titles.map(cell));
    }

    /// Adds a row, one cell a column.
    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    /// Writes the table, indented.
    pub(crate) fn write(mut self, page: &mut Page, indent: usize) {
        let style = page.style();
        for row in &mut self.rows {
            for (_, text) in row {
                *text = text::safe(text, style);
            }
        }
        let gap = if style.width < NARROW {
            NARROW_GAP
        } else {
            GAP
        };
        let widths = self.widths(style, indent, gap);
        for row in self.rows {
            let mut line = page.line().gap(indent);
            let cells = row.into_iter().zip(&self.columns).zip(&widths);
            for (shown, ((cell, column), &width)) in
                cells.filter(|(_, width)| **width > 0).enumerate()
            {
                line = line.gap(if shown > 0 { gap } else { 0 });
                line = write_cell(line, cell, *column, width, style);
            }
            page.push(line);
        }
    }

    /// The width of each column; 0 for one that is left out.
    fn widths(&self, style: Style, indent: usize, gap: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|index| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                cells.map(|(_, text)| text::width(text)).max().unwrap_or(0)
            })
            .collect();
        for (width, column) in widths.iter_mut().zip(&self.columns) {
            if style.width < column.from_width {
                *width = 0;
            }
        }
        // Code gives way first, then paths.
        for cut in [Cut::Right, Cut::Middle] {
            for index in (0..widths.len()).rev() {
                let shown = widths.iter().filter(|width| **width > 0).count();
                let used = widths.iter().sum::<usize>() + gap * shown.saturating_sub(1) + indent;
                let column = self.columns[index];
                if column.cut == cut && used > style.width && widths[index] > 0 {
                    let excess = used - style.width;
                    let least = column.least.min(widths[index]);
                    widths[index] = widths[index].saturating_sub(excess).max(least);
                }
            }
        }
        widths
    }
}

fn write_cell(line: Line, cell: Cell, column: Column, width: usize, style: Style) -> Line {
    let (tint, text) = cell;
    let text = match column.cut {
        Cut::Middle => text::cut_middle(&text, width, style),
        Cut::Right => text::cut_right(&text, width, style),
        Cut::Never => text,
    };
    if column.right {
        line.right(tint, &text, width)
    } else {
        let column = line.width() + width;
        line.tinted(tint, &text).to(column)
    }
}
