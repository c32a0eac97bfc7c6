//! Lines of tinted cells, and pages of lines. Here is the one place that writes escape sequences,
//! and the one place that makes sure that no line is too long.

use super::style::Tint;
use super::{Style, text};

/// A line in the making.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    style: Style,
    spans: Vec<(Tint, String)>,
    width: usize,
}

impl Line {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            spans: Vec::new(),
            width: 0,
        }
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// The number of columns used so far.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Appends plain text.
    pub(crate) fn put(self, text: &str) -> Self {
        self.tinted(Tint::None, text)
    }

    /// Appends text in a tint. This is where text is made safe.
    pub(crate) fn tinted(mut self, tint: Tint, text: &str) -> Self {
        let safe = text::safe(text, self.style);
        self.width += text::width(&safe);
        self.spans.push((tint, safe));
        self
    }

    /// Appends spaces up to a column.
    pub(crate) fn to(self, column: usize) -> Self {
        let gap = column.saturating_sub(self.width);
        self.gap(gap)
    }

    /// Appends spaces.
    pub(crate) fn gap(mut self, columns: usize) -> Self {
        self.width += columns;
        self.spans.push((Tint::None, " ".repeat(columns)));
        self
    }

    /// Appends text that ends `columns` columns from here.
    pub(crate) fn right(self, tint: Tint, text: &str, columns: usize) -> Self {
        let safe = text::safe(text, self.style);
        self.gap(columns.saturating_sub(text::width(&safe)))
            .tinted(tint, &safe)
    }

    /// The columns left to the edge.
    pub(crate) fn room(&self) -> usize {
        self.style.width.saturating_sub(self.width)
    }

    /// The text without tints.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The line cut to the style's width, without spaces at its end.
    fn fitted(mut self) -> Vec<(Tint, String)> {
        self.drop_spaces();
        let mut room = self.style.width;
        let cut = self.width > room;
        for (_, text) in &mut self.spans {
            let wide = text::width(text);
            if cut && wide >= room {
                // Something follows or overhangs: end in an ellipsis, at the very edge.
                let marked = format!("{text}{}", " ".repeat(room + 1));
                *text = if room == 0 {
                    String::new()
                } else if text.trim().is_empty() && wide > room {
                    " ".repeat(room)
                } else {
                    text::cut_right(&marked, room, self.style)
                };
                room = 0;
            } else {
                room -= wide.min(room);
            }
        }
        self.drop_spaces();
        self.spans
    }

    /// Drops the spaces at its end.
    fn drop_spaces(&mut self) {
        while let Some((_, last)) = self.spans.last_mut() {
            let kept = last.trim_end_matches(' ').len();
            self.width -= last.len() - kept;
            last.truncate(kept);
            if kept > 0 {
                break;
            }
            self.spans.pop();
        }
    }
}

/// A page in the making.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    style: Style,
    out: String,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            out: String::new(),
        }
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// A line to fill, for [`Page::push`].
    pub(crate) fn line(&self) -> Line {
        Line::new(self.style)
    }

    /// Writes a line.
    pub(crate) fn push(&mut self, line: Line) {
        for (tint, text) in line.fitted() {
            let code = tint.code();
            if self.style.color && !code.is_empty() && !text.is_empty() {
                self.out.push_str("\u{1b}[");
                self.out.push_str(code);
                self.out.push('m');
                self.out.push_str(&text);
                self.out.push_str("\u{1b}[0m");
            } else {
                self.out.push_str(&text);
            }
        }
        self.out.push('\n');
    }

    /// Writes an empty line, unless there is one already or nothing at all.
    pub(crate) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Writes text over as many lines as it needs: the first after `first`, the others indented
    /// as far.
    pub(crate) fn wrapped(&mut self, first: Line, tint: Tint, text: &str) {
        let indent = first.width();
        let safe = text::safe(text, self.style);
        let room = self.style.width.saturating_sub(indent);
        let mut line = first;
        for part in text::wrap(&safe, room) {
            self.push(line.tinted(tint, &part));
            line = self.line().gap(indent);
        }
    }

    /// The page, without empty lines at its end.
    pub(crate) fn finish(mut self) -> String {
        while self.out.ends_with("\n\n") {
            self.out.pop();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: usize, line: impl Fn(Line) -> Line) -> String {
        let mut page = Page::new(Style::plain(width));
        let empty = page.line();
        page.push(line(empty));
        page.finish()
    }

    #[test]
    fn lines_end_at_the_edge_with_an_ellipsis() {
        assert_eq!(page(8, |l| l.put("abc").put("defgh")), "abcdefgh\n");
        assert_eq!(page(8, |l| l.put("abc").put("defghi")), "abcdefg…\n");
        assert_eq!(page(3, |l| l.put("abc").put("def")), "ab…\n");
        assert_eq!(page(0, |l| l.put("abc")), "\n");
    }

    #[test]
    fn spaces_at_the_end_are_dropped() {
        assert_eq!(page(80, |l| l.put("abc").gap(5).put("")), "abc\n");
    }

    #[test]
    fn colours_are_closed_and_optional() {
        let mut page = Page::new(Style::colored(80));
        let line = page.line().tinted(Tint::Strong, "a").put("b");
        page.push(line);
        assert_eq!(page.finish(), "\u{1b}[1ma\u{1b}[0mb\n");
    }
}
