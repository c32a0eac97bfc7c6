//! One file of Python: its text, its tree, and what is wrong with it.

use crate::encoding::{Encoding, EncodingError, decode};
use crate::position::{LineIndex, Position, Span};
use crate::syntax::{Syntax, Target};

/// Something that keeps a file, or a part of it, from being understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// What, in lower case and without a full stop.
    pub message: String,
}

/// A file that was read.
#[derive(Debug)]
pub struct SourceFile {
    text: String,
    encoding: Encoding,
    target: Target,
    lines: LineIndex,
    syntax: Syntax,
}

impl SourceFile {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are no text in the encoding that they declare. Text that is no Python is no error: it
    /// has [`SourceFile::problems`].
    pub fn from_bytes(bytes: &[u8], target: Target) -> Result<Self, EncodingError> {
        let (text, encoding) = decode(bytes)?;
        let mut file = Self::from_text(text, target);
        file.encoding = encoding;
        Ok(file)
    }

    /// Reads a text.
    pub fn from_text(text: String, target: Target) -> Self {
        let lines = LineIndex::new(&text);
        let syntax = Syntax::parse(&text, target);
        Self {
            text,
            encoding: Encoding::Utf8,
            target,
            lines,
            syntax,
        }
    }

    /// The text; all spans are bytes of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a piece; empty for one that is not in it.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// How it is written on disk.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The version that it was read as.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Its lines.
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// Its tree.
    pub fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// Line and column of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.lines.position(&self.text, offset)
    }

    /// What keeps it from being Python of its target version.
    pub fn problems(&self) -> Vec<Problem> {
        let complaints = self.syntax.complaints().iter();
        complaints
            .map(|complaint| Problem {
                position: self.position(complaint.span.start),
                message: complaint.message.clone(),
            })
            .collect()
    }

    /// Whether it is Python, if perhaps of a later version than its target.
    pub fn is_python(&self) -> bool {
        let mut complaints = self.syntax.complaints().iter();
        complaints.all(|complaint| complaint.is_too_new)
    }

    /// The spaces and tabs that the line of a byte begins with.
    pub fn indentation(&self, offset: usize) -> &str {
        let line = self.slice(self.lines.span(self.lines.line(offset)));
        let end = line.len() - line.trim_start_matches([' ', '\t', '\x0c']).len();
        &line[..end]
    }

    /// How its lines end: as the first one does.
    pub fn newline(&self) -> &'static str {
        match self.text.find(['\n', '\r']) {
            Some(at) if self.text[at..].starts_with("\r\n") => "\r\n",
            Some(at) if self.text[at..].starts_with('\r') => "\r",
            _ => "\n",
        }
    }

    /// The comments that a piece touches.
    pub fn comments_in(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let comments = self.syntax.comments().iter();
        comments
            .copied()
            .filter(move |comment| comment.overlaps(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Module;
    use proptest::prelude::*;

    fn problems(text: &str, minor: u8) -> Vec<String> {
        let file = SourceFile::from_text(text.into(), Target { minor });
        let problems = file.problems().into_iter();
        let said = |p: Problem| format!("{}:{}: {}", p.position.line, p.position.column, p.message);
        problems.map(said).collect()
    }

    #[test]
    fn every_version_has_its_syntax() {
        let newer = [
            (9, "@a[0].b\ndef f(): pass\n"),
            (10, "match x:\n    case 1: pass\n"),
            (11, "try: pass\nexcept* E: pass\n"),
            (12, "type A = int\n"),
            (12, "def f[T](x: T) -> T: return x\n"),
            (13, "class C[T = int]: pass\n"),
            (14, "t'{x}'\n"),
            (14, "try: pass\nexcept A, B: pass\n"),
            (15, "lazy import json\n"),
            (15, "[*x for x in y]\n"),
        ];
        for (minor, text) in newer {
            assert_eq!(problems(text, minor), [""; 0], "{text}");
            assert_eq!(problems(text, minor - 1).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_broken_file_says_where_and_the_rest_is_there() {
        let file = SourceFile::from_text("def f(:\n    x = 1\ny = 2\n".into(), Target::NEWEST);
        assert!(!file.is_python());
        assert_eq!(file.problems()[0].position.line, 1);
        assert!(!Module::new(&file).nodes().is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(file) = SourceFile::from_bytes(&bytes, Target::NEWEST) {
                let _ = (file.problems(), Module::new(&file).functions());
            }
        }

        #[test]
        fn any_pieces_of_python_survive(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)
        ) {
            let file = SourceFile::from_text(pieces.concat(), Target::NEWEST);
            let module = Module::new(&file);
            let _ = (file.problems(), module.functions());
            for id in module.ids() {
                prop_assert!(module.span(id).end <= file.text().len());
            }
        }
    }

    const PIECES: &[&str] = &[
        "def f",
        "class C",
        "lambda ",
        "for ",
        " in ",
        "while ",
        "if ",
        "else",
        ":",
        "\n",
        "\n    ",
        "\n        ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        ":=",
        "+=",
        "*",
        "**",
        "@",
        "x",
        "y",
        "self",
        ".",
        "1",
        "'s'",
        "f'{",
        "}'",
        "\"\"\"",
        "#c",
        "\\",
        "async ",
        "await ",
        "yield ",
        "global x",
        "nonlocal y",
        "del ",
        "import ",
        "from ",
        " as ",
        "match ",
        "case ",
        "try",
        "except",
        "with ",
        "return ",
        "type ",
        "lazy ",
        "é",
        "\t",
        "\r",
        "\u{c}",
        "\0",
        ";",
    ];
}
