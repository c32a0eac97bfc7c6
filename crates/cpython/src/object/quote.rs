//! Strings and bytes between quotes, escaped as Python escapes them; and text of bounded length.

/// Text that takes a given number of characters and then no more.
#[derive(Debug)]
pub(super) struct Text {
    text: String,
    left: usize,
    cut: bool,
}

impl Text {
    /// Takes at most `chars` characters.
    pub(super) fn new(chars: usize) -> Self {
        Self {
            text: String::new(),
            left: chars,
            cut: false,
        }
    }

    /// Appends as much as still fits.
    pub(super) fn push(&mut self, text: &str) {
        for character in text.chars() {
            if self.left == 0 {
                self.cut = true;
                return;
            }
            self.text.push(character);
            self.left -= 1;
        }
    }

    /// How many characters still fit.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// True once something did not fit: nothing more needs to be read.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The text; where something did not fit its last character is `…`.
    pub(super) fn finish(mut self) -> String {
        if self.cut && self.text.pop().is_some() {
            self.text.push('…');
        }
        self.text
    }

    /// Appends the beginning of a `str`, given as code points, in quotes.
    pub(super) fn push_str(&mut self, points: &[u32]) {
        let has = |quote: char| points.contains(&u32::from(quote));
        let quote = if has('\'') && !has('"') { '"' } else { '\'' };
        self.push(quote.encode_utf8(&mut [0; 4]));
        for &point in points {
            match char::from_u32(point) {
                Some(character) if character == quote => self.push(&format!("\\{quote}")),
                Some('\\') => self.push("\\\\"),
                Some('\n') => self.push("\\n"),
                Some('\r') => self.push("\\r"),
                Some('\t') => self.push("\\t"),
                Some(character) if is_printable(character) => {
                    self.push(character.encode_utf8(&mut [0; 4]));
                }
                _ => self.push(&escape(point)),
            }
            if self.cut {
                return;
            }
        }
        self.push(quote.encode_utf8(&mut [0; 4]));
    }

    /// Appends the beginning of a `bytes` as a literal.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
            '"'
        } else {
            '\''
        };
        self.push(&format!("b{quote}"));
        for &byte in bytes {
            match byte {
                _ if char::from(byte) == quote => self.push(&format!("\\{quote}")),
                b'\\' => self.push("\\\\"),
                b'\n' => self.push("\\n"),
                b'\r' => self.push("\\r"),
                b'\t' => self.push("\\t"),
                b' '..=b'~' => self.push(char::from(byte).encode_utf8(&mut [0; 4])),
                _ => self.push(&escape(u32::from(byte))),
            }
            if self.cut {
                return;
            }
        }
        self.push(quote.encode_utf8(&mut [0; 4]));
    }
}

fn escape(point: u32) -> String {
    match point {
        ..=0xff => format!("\\x{point:02x}"),
        0x100..=0xffff => format!("\\u{point:04x}"),
        _ => format!("\\U{point:08x}"),
    }
}

/// What `str.isprintable` says, of the version of Unicode that this program was built with.
///
/// The standard library knows it and tells it only by what `escape_debug` leaves alone; behind
/// another character it leaves combining ones alone as well.
fn is_printable(character: char) -> bool {
    let mut pair = String::from("a");
    pair.push(character);
    matches!(character, '\'' | '"' | '\\') || pair.escape_debug().nth(1) == Some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, quoted: &str) {
        let mut output = Text::new(100);
        output.push_str(&text.chars().map(u32::from).collect::<Vec<_>>());
        assert_eq!(output.finish(), quoted);
    }

    #[test]
    fn strings_are_quoted_as_python_quotes_them() {
        check("", "''");
        check("plain", "'plain'");
        check("it's", "\"it's\"");
        check("\"it's\"", "'\"it\\'s\"'");
        check("a\\b\n\r\t\0\x7f", r"'a\\b\n\r\t\x00\x7f'");
        check("żółw 🐢 日本", "'żółw 🐢 日本'");
        check("e\u{301}", "'e\u{301}'");
        check(
            "\u{a0}\u{200b}\u{2028}\u{e000}",
            r"'\xa0\u200b\u2028\ue000'",
        );
        check("\u{f0000}", r"'\U000f0000'");
        let mut output = Text::new(100);
        output.push_str(&[0xdc80]);
        assert_eq!(output.finish(), r"'\udc80'");
    }

    #[test]
    fn bytes_are_spelled_as_literals() {
        let mut output = Text::new(100);
        output.push_bytes(b"it's\x00\xff\n\\");
        assert_eq!(output.finish(), r#"b"it's\x00\xff\n\\""#);
    }

    #[test]
    fn text_never_exceeds_its_limit() {
        for (limit, text) in [(0, ""), (1, "…"), (3, "'a…"), (4, "'ab…"), (5, "'abc'")] {
            let mut output = Text::new(limit);
            output.push_str(&[97, 98, 99]);
            assert_eq!(output.finish(), text);
        }
    }
}
