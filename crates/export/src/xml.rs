//! Text made safe for XML: names come from a program that may be hostile.

/// `text` as XML character data or the value of an attribute. Characters that XML 1.0 does not
/// allow at all, not even as a reference (its production 2, `Char`), become `�`.
pub(crate) fn escape(text: &str) -> String {
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
