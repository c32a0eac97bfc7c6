//! How Python formats text and numbers, where Rust differs.

use std::fmt::Write;

/// The number of characters, as `len` counts them.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

/// `text.ljust(width)`.
pub(super) fn left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(length(text));
    format!("{text}{:missing$}", "")
}

/// `text.rjust(width)`.
pub(super) fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(length(text));
    format!("{:missing$}{text}", "")
}

/// `"%{width}.3f" % number`.
pub(super) fn fixed(number: f64, width: usize) -> String {
    if number.is_nan() {
        format!("{:>width$}", "nan")
    } else {
        format!("{number:width$.3}")
    }
}

/// `repr(text)`.
pub(super) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `repr(number)` of a number from 0 to 1.
pub(super) fn repr_fraction(number: f64) -> String {
    // Both print the fewest digits that read back as the same number. Python turns to powers of
    // ten below 1e-4, and writes them with two digits.
    let text = format!("{number:?}");
    if number >= 1e-4 || number == 0.0 {
        // Rust turns to powers of ten below 1e-5 only.
        return text;
    }
    let text = format!("{number:e}");
    match text.split_once("e-") {
        Some((digits, power)) => format!("{digits}e-{power:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_look_as_in_python() {
        assert_eq!(fixed(f64::NAN, 8), "     nan");
        assert_eq!(fixed(0.0625, 8), "   0.062");
        assert_eq!(fixed(12_345_678.9, 8), "12345678.900");
        assert_eq!(left("né", 4), "né  ");
        assert_eq!(right("né", 4), "  né");
        assert_eq!(repr("a'b\\\n\x1b"), "\"a'b\\\\\\n\\x1b\"");
        assert_eq!(repr("'\""), "'\\'\"'");
        for (number, text) in [
            (0.5, "0.5"),
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (0.000_012_5, "1.25e-05"),
            (1e-300, "1e-300"),
        ] {
            assert_eq!(repr_fraction(number), text);
        }
    }
}
