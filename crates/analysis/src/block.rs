//! Where a definition ends: the lines that belong to a function, from its first line on.
//!
//! The answer is that of CPython's `inspect.getblock` (3.13 and later; `Lib/inspect.py`), because
//! line_profiler lists the lines of a function by it, comments behind the body and all. That needs
//! the tokens of Python, but only as far as they tell where statements and blocks end.

/// The number of lines of the definition that begins in the first of `lines`. Line endings do not
/// matter. At least 1, unless there is no line at all.
///
/// For a `def` or `class`, with its decorators, that is its whole block; for anything else, as a
/// lambda, the rest of the statement.
pub fn block_length(lines: &[&str]) -> usize {
    let mut finder = Finder::new();
    let mut tokens = Tokens::new(lines);
    while let Some(token) = tokens.next() {
        if finder.eat(token).is_break() {
            break;
        }
    }
    finder.last.min(lines.len())
}

/// What kind of token it is, as far as blocks are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Comment,
    /// The end of a line that ends no statement.
    EmptyLine,
    /// The end of a statement.
    NewLine,
    Indent,
    Dedent,
    /// `async`.
    Async,
    /// `@`.
    At,
    /// `def`, `class`, and Cython's words for the same.
    Define,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    /// The number of its line, from 1.
    line: usize,
    /// The characters before it.
    column: usize,
    /// The characters before its end.
    end_column: usize,
}

/// The state of `inspect.BlockFinder`, field by field.
struct Finder {
    indent: i64,
    single_line: bool,
    started: bool,
    pass_line: bool,
    in_decorator: bool,
    last: usize,
    body_column: Option<usize>,
}

impl Finder {
    fn new() -> Self {
        Self {
            indent: 0,
            single_line: false,
            started: false,
            pass_line: false,
            in_decorator: false,
            last: 1,
            body_column: None,
        }
    }

    /// Takes a token; breaks when it is the first one behind the block.
    fn eat(&mut self, token: Token) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        if !self.started && !self.in_decorator {
            match token.kind {
                Kind::Indent | Kind::Comment | Kind::EmptyLine | Kind::Async => {}
                Kind::At => self.in_decorator = true,
                kind => {
                    self.single_line = kind != Kind::Define;
                    self.started = true;
                }
            }
            self.pass_line = true;
            return Continue(());
        }
        match token.kind {
            Kind::NewLine => {
                self.pass_line = false;
                self.last = token.line;
                if self.single_line {
                    return Break(());
                }
                self.in_decorator = false;
            }
            _ if self.pass_line => {}
            Kind::Indent => {
                if self.body_column.is_none() && self.started {
                    self.body_column = Some(token.end_column);
                }
                self.indent += 1;
                self.pass_line = true;
            }
            Kind::Dedent => {
                self.indent -= 1;
                if self.indent <= 0 {
                    return Break(());
                }
            }
            // A comment as far in as the body belongs to it.
            Kind::Comment if self.body_column.is_some_and(|body| token.column >= body) => {
                self.last = token.line;
            }
            Kind::Comment | Kind::EmptyLine => {}
            _ if self.indent == 0 => return Break(()),
            _ => {}
        }
        Continue(())
    }
}

/// Reads tokens from lines.
struct Tokens<'a> {
    lines: &'a [&'a str],
    /// The line being read, from 0, and the byte in it.
    line: usize,
    at: usize,
    /// The columns of the open blocks.
    indents: Vec<usize>,
    /// Blocks to close before the next token, or the one to open.
    dedents: usize,
    brackets: usize,
    /// The next token is the first of a line, where the indentation counts.
    at_start: bool,
    /// A token of the current statement was given.
    in_statement: bool,
}

impl<'a> Tokens<'a> {
    fn new(lines: &'a [&'a str]) -> Self {
        Self {
            lines,
            line: 0,
            at: 0,
            indents: vec![0],
            dedents: 0,
            brackets: 0,
            at_start: true,
            in_statement: false,
        }
    }

    fn text(&self) -> Option<&'a str> {
        let line = self.lines.get(self.line)?;
        Some(line.trim_end_matches(['\n', '\r']))
    }

    fn rest(&self) -> &'a str {
        self.text().map_or("", |text| &text[self.at..])
    }

    fn token(&self, kind: Kind, from: usize) -> Option<Token> {
        let text = self.text().unwrap_or_default();
        Some(Token {
            kind,
            line: self.line + 1,
            column: text[..from].chars().count(),
            end_column: text[..self.at].chars().count(),
        })
    }

    fn next_line(&mut self) {
        self.line += 1;
        self.at = 0;
    }

    /// The next token; `None` at the end of the text, or where Python would refuse it.
    fn next(&mut self) -> Option<Token> {
        loop {
            if self.dedents > 0 {
                self.dedents -= 1;
                return self.token(Kind::Dedent, self.at);
            }
            let Some(text) = self.text() else {
                return self.end();
            };
            if self.at_start {
                self.at_start = false;
                if let Some(next) = self.indentation(text) {
                    return next;
                }
                continue;
            }
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\u{c}']).len();
            self.at += blank;
            let rest = &rest[blank..];
            let Some(first) = rest.chars().next() else {
                if let Some(next) = self.end_of_line() {
                    return next;
                }
                continue;
            };
            let from = self.at;
            if first == '#' {
                self.at = text.len();
                return self.token(Kind::Comment, from);
            }
            if rest == "\\" {
                self.next_line();
                continue;
            }
            self.in_statement = true;
            return self.word(first, from);
        }
    }

    /// Looks at the indentation of a line. `None` if it says nothing, no token if it is wrong.
    fn indentation(&mut self, text: &str) -> Option<Option<Token>> {
        let mut column = 0;
        for c in text.chars() {
            match c {
                ' ' => column += 1,
                '\t' => column = (column / 8 + 1) * 8,
                '\u{c}' => column = 0,
                _ => break,
            }
            self.at += c.len_utf8();
        }
        // What holds nothing but a comment changes no block.
        if self.rest().is_empty() || self.rest().starts_with('#') {
            return None;
        }
        let current = self.indents.last().copied().unwrap_or(0);
        if column > current {
            self.indents.push(column);
            return Some(self.token(Kind::Indent, 0));
        }
        while self.indents.last().is_some_and(|&open| open > column) {
            self.indents.pop();
            self.dedents += 1;
        }
        // Back to a column that no block has.
        if self.indents.last() != Some(&column) {
            return Some(None);
        }
        None
    }

    /// The end of a line. `None` inside brackets of a statement that goes on.
    fn end_of_line(&mut self) -> Option<Option<Token>> {
        if self.brackets > 0 {
            let next = self.token(Kind::EmptyLine, self.at);
            self.next_line();
            return Some(next);
        }
        let kind = if self.in_statement {
            Kind::NewLine
        } else {
            Kind::EmptyLine
        };
        let next = self.token(kind, self.at);
        self.next_line();
        self.at_start = true;
        self.in_statement = false;
        Some(next)
    }

    /// Behind the last line: the open blocks are closed, then the text ends.
    fn end(&mut self) -> Option<Token> {
        if self.brackets > 0 || self.indents.pop().is_none() {
            return None;
        }
        let kind = if self.indents.is_empty() {
            Kind::Other
        } else {
            Kind::Dedent
        };
        Some(Token {
            kind,
            line: self.line + 1,
            column: 0,
            end_column: 0,
        })
    }

    fn word(&mut self, first: char, from: usize) -> Option<Token> {
        let rest = self.rest();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
        if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            self.at += length;
            if self.rest().starts_with(['"', '\'']) && is_prefix(word) {
                return self.string(from, word);
            }
            let kind = match word {
                "async" => Kind::Async,
                "def" | "class" | "cdef" | "cpdef" | "property" => Kind::Define,
                _ => Kind::Other,
            };
            return self.token(kind, from);
        }
        match first {
            '"' | '\'' => return self.string(from, ""),
            '(' | '[' | '{' => self.brackets += 1,
            // One that nothing opened was opened before the first line; it closes nothing here.
            ')' | ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.at += first.len_utf8();
        let kind = if first == '@' { Kind::At } else { Kind::Other };
        self.token(kind, from)
    }

    /// Passes a string whose prefix was read. It may end on another line.
    fn string(&mut self, from: usize, prefix: &str) -> Option<Token> {
        let formatted = prefix.contains(['f', 'F', 't', 'T']);
        let token = self.token(Kind::Other, from);
        if self.pass_string(formatted, 0) {
            token
        } else {
            None
        }
    }

    /// Passes a string from its first quote on; false if it does not end.
    fn pass_string(&mut self, formatted: bool, depth: usize) -> bool {
        let quote = if self.rest().starts_with('\'') {
            "'"
        } else {
            "\""
        };
        let triple = quote.repeat(3);
        let long = self.rest().starts_with(&triple);
        let end = if long { triple.as_str() } else { quote };
        self.at += end.len();
        loop {
            let rest = self.rest();
            if rest.starts_with(end) {
                self.at += end.len();
                return true;
            }
            match rest.chars().next() {
                // A raw string cannot hide its quote behind a backslash either.
                Some('\\') if rest.len() == 1 => self.next_line(),
                Some('\\') => {
                    let hidden = rest[1..].chars().next().map_or(0, char::len_utf8);
                    self.at += 1 + hidden;
                }
                Some('{') if formatted && rest.starts_with("{{") => self.at += 2,
                Some('{') if formatted => {
                    if !self.pass_field(depth, end) {
                        return false;
                    }
                }
                Some(c) => self.at += c.len_utf8(),
                None if long && self.line + 1 < self.lines.len() => self.next_line(),
                None => return false,
            }
        }
    }

    /// Passes a replacement field of a formatted string from its `{` on (PEP 701: any expression).
    fn pass_field(&mut self, depth: usize, outer: &str) -> bool {
        // Python itself refuses more than 150 levels.
        if depth > 150 {
            return false;
        }
        self.at += 1;
        let mut open = 0_usize;
        let mut in_format = false;
        loop {
            let rest = self.rest();
            // Before 3.12 the quote of the string cannot be in a field, so it ends a field that
            // was none.
            if in_format && rest.starts_with(outer) {
                return true;
            }
            match rest.chars().next() {
                Some('}') if open == 0 => {
                    self.at += 1;
                    return true;
                }
                Some('{') if in_format => {
                    if !self.pass_field(depth + 1, outer) {
                        return false;
                    }
                }
                Some(c) if in_format => self.at += c.len_utf8(),
                Some('"' | '\'') => {
                    let before = &self.text().unwrap_or_default()[..self.at];
                    let word = before
                        .rfind(|c: char| !c.is_ascii_alphabetic())
                        .map_or(before, |at| &before[at + 1..]);
                    let formatted = is_prefix(word) && word.contains(['f', 'F', 't', 'T']);
                    if !self.pass_string(formatted, depth + 1) {
                        return false;
                    }
                }
                Some(c @ ('(' | '[' | '{')) => {
                    open += 1;
                    self.at += c.len_utf8();
                }
                Some(c @ (')' | ']' | '}')) => {
                    open = open.saturating_sub(1);
                    self.at += c.len_utf8();
                }
                Some(':') if open == 0 => {
                    in_format = true;
                    self.at += 1;
                }
                Some('#') | None if self.line + 1 < self.lines.len() => self.next_line(),
                None => return false,
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }
}

/// True for what may stand before a quote.
fn is_prefix(word: &str) -> bool {
    matches!(
        word.to_ascii_lowercase().as_str(),
        "r" | "u" | "b" | "br" | "rb" | "f" | "fr" | "rf" | "t" | "tr" | "rt"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length(text: &str) -> usize {
        let lines: Vec<&str> = text.lines().collect();
        block_length(&lines)
    }

    #[test]
    fn a_function_ends_where_its_block_ends() {
        assert_eq!(length("def f():\n    return 1\n\nx = 2\n"), 2);
        assert_eq!(length("def f(): return 1\nx = 2\n"), 1);
        assert_eq!(
            length("    def f(self):\n        if self:\n            a\n        b\n    c"),
            4
        );
        assert_eq!(
            length("@a(\n1)\n@b\nasync def f(\n    x):\n  pass\n\n\ny"),
            6
        );
        assert_eq!(
            length("class A:\n    def f(self):\n        pass\n\n    x = 1\ny = 2"),
            5
        );
        assert_eq!(length("def f():\n    pass"), 2);
        assert_eq!(length(""), 0);
    }

    #[test]
    fn comments_as_far_in_as_the_body_belong_to_it() {
        assert_eq!(length("def f():\n    a\n    # in\n  # out\n\nb"), 3);
        assert_eq!(length("def f():\n# out\n    a\n# out\nb"), 3);
    }

    #[test]
    fn strings_and_brackets_hide_what_looks_like_an_end() {
        assert_eq!(length("def f():\n    a = '''\nb = 1\n'''\n    c\nd"), 5);
        assert_eq!(length("def f():\n    a = (1,\n2)\n    b = 'x\\\ny'\nd"), 5);
        assert_eq!(
            length("def f():\n    a = f'{x[\"}\"]}' + rb'\\''\n    b\nd"),
            3
        );
        assert_eq!(
            length("def f():\n    a = f'{x['y']:>{w}}'\n    b = f'''{\nx}'''\n    c\nd"),
            5
        );
        assert_eq!(length("def f():\n    a = 1 + \\\n2\n    b\nd"), 4);
    }

    #[test]
    fn a_lambda_has_the_rest_of_its_statement() {
        assert_eq!(length("    x = lambda: (1,\n 2)\n    y"), 2);
        assert_eq!(length("        lambda: 1)\ny"), 1);
        assert_eq!(length("  lambda: [\n 1]\n )\ny"), 2);
    }

    proptest! {
        #[test]
        fn any_text_has_a_block_within_it(text in "[ \\tadef:'\"\\\\(){}#@\n]{0,80}") {
            let lines: Vec<&str> = text.split('\n').collect();
            let length = block_length(&lines);
            prop_assert!(length >= 1 && length <= lines.len());
        }
    }
}
