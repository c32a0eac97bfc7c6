//! Statements without their literals: what differs only in them is the same statement.

/// Writes the statement with each literal as `?`, lists of literals as one, without comments, and
/// with single spaces. Returns how much of the buffer was filled; what does not fit is left out.
pub(super) fn without_literals(sql: &[u8], out: &mut [u8]) -> usize {
    let mut writer = Folded { out, length: 0 };
    let mut at = 0;
    let byte = |at: usize| sql.get(at).copied().unwrap_or(0);
    while at < sql.len() {
        let here = sql[at];
        let start = at;
        match here {
            b'\'' => {
                at = end_of_quoted(sql, at);
                writer.literal();
            }
            b'"' | b'`' => {
                at = end_of_quoted(sql, at);
                writer.bytes(&sql[start..at]);
            }
            b'-' if byte(at + 1) == b'-' => {
                while at < sql.len() && sql[at] != b'\n' {
                    at += 1;
                }
                writer.space();
            }
            b'/' if byte(at + 1) == b'*' => {
                at += 2;
                while at < sql.len() && !(sql[at - 1] == b'*' && sql[at] == b'/' && at > start + 2)
                {
                    at += 1;
                }
                at += 1;
                writer.space();
            }
            _ if here.is_ascii_whitespace() => {
                at += 1;
                writer.space();
            }
            // A number, unless it is part of a name.
            _ if here.is_ascii_digit() => {
                while is_word(byte(at)) || byte(at) == b'.' {
                    at += 1;
                }
                writer.literal();
            }
            b'?' => {
                at += 1;
                while byte(at).is_ascii_digit() {
                    at += 1;
                }
                writer.literal();
            }
            // Parameters of drivers: %s, %(name)s, :name, $1.
            b'%' if byte(at + 1) == b's' => {
                at += 2;
                writer.literal();
            }
            b'%' if byte(at + 1) == b'(' => {
                while at < sql.len() && sql[at] != b')' {
                    at += 1;
                }
                at += 2;
                writer.literal();
            }
            b':' | b'$' | b'@'
                if is_word(byte(at + 1)) && (start == 0 || sql[start - 1] != b':') =>
            {
                at += 1;
                while is_word(byte(at)) {
                    at += 1;
                }
                writer.literal();
            }
            _ if is_word(here) => {
                while is_word(byte(at)) {
                    at += 1;
                }
                writer.bytes(&sql[start..at]);
            }
            _ => {
                at += 1;
                writer.bytes(&[here]);
                if here == b')' {
                    writer.fold_groups();
                }
            }
        }
    }
    writer.trimmed()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Behind the closing quote; a doubled quote does not close.
fn end_of_quoted(sql: &[u8], start: usize) -> usize {
    let quote = sql[start];
    let mut at = start + 1;
    while at < sql.len() {
        if sql[at] == quote {
            if sql.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    sql.len()
}

struct Folded<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl Folded<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.out.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }

    fn ends_with(&self, end: &[u8]) -> bool {
        self.out[..self.length].ends_with(end)
    }

    fn space(&mut self) {
        if self.length > 0 && !self.ends_with(b" ") {
            self.bytes(b" ");
        }
    }

    /// A literal; one that follows another and a comma is part of its list.
    fn literal(&mut self) {
        for before in [&b"?,"[..], b"?, "] {
            if self.ends_with(before) {
                self.length -= before.len() - 1;
                return;
            }
        }
        self.bytes(b"?");
    }

    /// `(?), (?)` is `(?)`: the rows of an INSERT.
    fn fold_groups(&mut self) {
        for before in [&b"(?),(?)"[..], b"(?), (?)"] {
            if self.ends_with(before) {
                self.length -= before.len() - 3;
            }
        }
    }

    fn trimmed(mut self) -> usize {
        while self.length > 0 && matches!(self.out[self.length - 1], b' ' | b';') {
            self.length -= 1;
        }
        self.length
    }
}

/// The first word of a statement, in upper case.
pub(super) fn verb(statement: &[u8]) -> [u8; 8] {
    let mut verb = [0; 8];
    let letters = statement
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic());
    for (place, byte) in verb.iter_mut().zip(letters) {
        *place = byte.to_ascii_uppercase();
    }
    verb
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::string::String;

    fn folded(sql: &str) -> String {
        let mut out = [0; 200];
        let length = without_literals(sql.as_bytes(), &mut out);
        String::from_utf8_lossy(&out[..length]).into_owned()
    }

    #[test]
    fn what_differs_in_literals_only_is_the_same() {
        for sql in [
            "select a from t1 where b = 'it''s' and c = 12.5e3;",
            "select a from t1 where b = ? and c = ?",
            "select a\n  from t1 -- a comment\n where b = %s /* another */ and c = :name",
            "select a from t1 where b = %(b)s and c = $1",
        ] {
            assert_eq!(folded(sql), "select a from t1 where b = ? and c = ?");
        }
    }

    #[test]
    fn lists_are_one_literal() {
        assert_eq!(folded("x IN (1, 2,3)"), "x IN (?)");
        assert_eq!(
            folded("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
            "INSERT INTO t VALUES (?)"
        );
    }

    #[test]
    fn names_and_casts_stay() {
        assert_eq!(folded("SELECT \"a 1\", b2::int"), "SELECT \"a 1\", b2::int");
        assert_eq!(verb(b"insert into"), *b"INSERT\0\0");
        for end in 0..30 {
            folded(&"/* x */ 'a''b' -- %(c)s :x $1"[..end.min(29)]);
        }
    }
}
