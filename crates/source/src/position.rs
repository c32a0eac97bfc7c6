//! Places in a text: byte spans, and the lines and columns people count in.

use std::ops::Range;

/// A piece of a text, in bytes from its beginning; the end is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
}

impl Span {
    /// From `start` up to `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }

    /// Whether the other one lies in it.
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether they have a byte in common; an empty one has none, but lies inside of another.
    pub fn overlaps(self, other: Self) -> bool {
        if self.start == self.end {
            return other.start < self.start && self.start < other.end;
        }
        if other.start == other.end {
            return self.start < other.start && other.start < self.end;
        }
        self.start < other.end && other.start < self.end
    }

    /// For slicing.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A place as editors show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// Where the lines of a text begin. Lines end as Python's do: with `\n`, `\r\n` or `\r`.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    end: usize,
}

impl LineIndex {
    /// Reads a text.
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = Vec::with_capacity(1 + bytes.len() / 32);
        starts.push(0);
        for (at, byte) in bytes.iter().enumerate() {
            let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            if ends {
                starts.push(at + 1);
            }
        }
        Self {
            starts,
            end: bytes.len(),
        }
    }

    /// The line of a byte, from 1. Beyond the end is the last line.
    pub fn line(&self, offset: usize) -> u32 {
        self.starts.partition_point(|start| *start <= offset) as u32
    }

    /// Line and column of a byte of `text`, the text that the index was made of.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.line(offset);
        let start = self.starts[line as usize - 1];
        let before = text.as_bytes().get(start..offset.min(text.len()));
        // Every byte but UTF-8's continuation bytes begins a character.
        let is_first = |byte: &&u8| **byte & 0xC0 != 0x80;
        let column = before.map_or(0, |bytes| bytes.iter().filter(is_first).count());
        Position {
            line,
            column: column as u32 + 1,
        }
    }

    /// The bytes of a line, from 1, with its end; empty beyond the last one.
    pub fn span(&self, line: u32) -> Span {
        let at = (line as usize).saturating_sub(1);
        let start = self.starts.get(at).copied().unwrap_or(self.end);
        let end = self.starts.get(at + 1).copied().unwrap_or(self.end);
        Span::new(start, end)
    }

    /// How many lines there are; an empty text has one.
    pub fn count(&self) -> u32 {
        self.starts.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_in_python_and_columns_are_characters() {
        let text = "a\r\nü=1\rb\n";
        let index = LineIndex::new(text);
        assert_eq!(index.count(), 4);
        let at = |needle| index.position(text, text.find(needle).expect("is there"));
        assert_eq!(at("="), Position { line: 2, column: 2 });
        assert_eq!(at("b"), Position { line: 3, column: 1 });
        assert_eq!(&text[index.span(2).range()], "ü=1\r");
        assert_eq!(index.position(text, 99).line, 4);
    }

    #[test]
    fn an_empty_span_lies_inside_but_not_at_the_edge() {
        let (whole, point) = (Span::new(2, 6), |at| Span::new(at, at));
        assert!(point(4).overlaps(whole) && whole.overlaps(point(4)));
        assert!(!point(2).overlaps(whole) && !point(6).overlaps(whole));
        assert!(Span::new(5, 9).overlaps(whole) && !Span::new(6, 9).overlaps(whole));
    }
}
