//! The few SVG elements the picture is made of. Every text goes through [`escape`].

use crate::xml::escape;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
