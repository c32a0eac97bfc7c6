//! The few SVG elements the picture is made of, and text made safe for them.
//!
//! Every text goes through [`escape`]: names come from a program that may be hostile.

use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` cut to `columns` with an ellipsis; `None` when too little would be left to read.
pub(super) fn fit(text: &str, columns: usize) -> Option<String> {
    if text.width() <= columns {
        return Some(text.to_owned());
    }
    if columns < 3 {
        return None;
    }
    let mut used = 0;
    let cut: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < columns
        })
        .collect();
    Some(format!("{cut}…"))
}

pub(super) fn rect(out: &mut String, class: &str, x: f64, y: f64, width: f64, height: f64) {
    let _ = write!(
        out,
        "<rect{} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
        if class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{class}\"")
        },
        px(x),
        px(y),
        px(width),
        px(height)
    );
}

pub(super) fn line(out: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let (x, y, text) = (px(x), px(y), escape(text));
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"
    );
}

/// A length with at most two decimals.
pub(super) fn px(length: f64) -> String {
    let text = format!("{length:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `text` as XML character data or the value of an attribute. Characters that XML 1.0 does not
/// allow at all, not even as a reference (its production 2, `Char`), become `�`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            '\0'..=' ' if c != ' ' => out.push('\u{fffd}'),
            '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_short() {
        assert_eq!(px(1200.0), "1200");
        assert_eq!(px(0.126), "0.13");
        assert_eq!(px(0.004), "0");
        assert_eq!(px(10.5), "10.5");
    }

    #[test]
    fn texts_are_cut_to_their_columns() {
        assert_eq!(fit("dedupe", 6).as_deref(), Some("dedupe"));
        assert_eq!(fit("dedupe", 5).as_deref(), Some("dedu…"));
        assert_eq!(fit("dedupe", 2), None);
        assert_eq!(fit("データ処理", 6).as_deref(), Some("デー…"));
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_markup(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"']));
            prop_assert!(!escaped.contains("]]>"));
            let bare = escaped.replace("&amp;", "").replace("&lt;", "");
            let bare = bare.replace("&gt;", "").replace("&quot;", "");
            prop_assert!(!bare.contains('&'));
        }
    }
}
