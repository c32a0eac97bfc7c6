//! Text made safe and made to fit.
//!
//! Names, paths and source come from the program under study, which may be hostile: a control
//! character would let it move the cursor or set the window's title, a bidirectional override would
//! let a line read as something else. All of these are shown as what they are.

use super::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How far a tab reaches.
const TAB: &str = "    ";

/// The text without anything that could act on a terminal, in characters the style allows.
pub(crate) fn safe(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            '\t' => out.push_str(TAB),
            _ if is_joiner(c) => {}
            _ if is_acting(c) => out.extend(c.escape_default()),
            _ if style.unicode => out.push(c),
            _ => match plain(c) {
                Some(plain) => out.push_str(plain),
                None => out.extend(c.escape_default()),
            },
        }
    }
    out
}

/// The number of columns a safe text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts at the right to at most `columns`, with an ellipsis where it was cut. For code and names.
pub(crate) fn cut_right(text: &str, columns: usize, style: Style) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let ellipsis = ellipsis(style);
    match columns.checked_sub(ellipsis.width()) {
        Some(room) => head(text, room).to_owned() + ellipsis,
        None => head(text, columns).to_owned(),
    }
}

/// Cuts in the middle, keeping more of the end. For paths, whose end says most.
pub(crate) fn cut_middle(text: &str, columns: usize, style: Style) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let ellipsis = ellipsis(style);
    match columns.checked_sub(ellipsis.width()) {
        Some(room) => {
            let front = room / 3;
            format!(
                "{}{ellipsis}{}",
                head(text, front),
                tail(text, room - front)
            )
        }
        None => tail(text, columns).to_owned(),
    }
}

/// Breaks into lines of at most `columns`, between words where there are any.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    for word in words(text) {
        let mut word = word;
        let used = lines.last().map_or(0, |line| width(line));
        let gap = usize::from(used > 0);
        if used + gap + width(word) > columns && used > 0 {
            lines.push(String::new());
        }
        // A word that is longer than a line is broken anywhere.
        while width(word) > columns {
            let part = head(word, columns);
            let length = if part.is_empty() {
                word.chars().next().map_or(0, char::len_utf8)
            } else {
                part.len()
            };
            lines
                .last_mut()
                .expect("never empty")
                .push_str(&word[..length]);
            word = &word[length..];
            if !word.is_empty() {
                lines.push(String::new());
            }
        }
        if word.is_empty() {
            continue;
        }
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// The words of a text. A number and its unit are one word; so is a word and the dot after it.
fn words(text: &str) -> Vec<&str> {
    const UNITS: [&str; 12] = [
        "%", "ns", "µs", "ms", "s", "min", "h", "B", "kB", "MB", "GB", "TB",
    ];
    let mut words: Vec<&str> = Vec::new();
    let mut from = 0;
    while from < text.len() {
        let word = &text[from..];
        let end = from + word.find(' ').unwrap_or(word.len());
        let word = &text[from..end];
        let bare = word.trim_end_matches([')', ',', ';', ':', '.']);
        match words.last_mut() {
            Some(last)
                if matches!(word, "·" | "|")
                    || (UNITS.contains(&bare) && last.ends_with(|c: char| c.is_ascii_digit())) =>
            {
                let start = from - 1 - last.len();
                *last = &text[start..end];
            }
            _ if word.is_empty() => {}
            _ => words.push(word),
        }
        from = end + 1;
    }
    words
}

/// What stands for what was cut.
pub(crate) fn ellipsis(style: Style) -> &'static str {
    if style.unicode { "…" } else { ".." }
}

/// The longest beginning of at most `columns`.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// The longest end of at most `columns`.
fn tail(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[at + c.len_utf8()..];
        }
    }
    text
}

/// True for what only changes how its neighbours are joined or drawn. Dropped, because terminals
/// disagree on how wide the result is.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// True for what acts on the terminal or on the direction of text, or cannot be seen at all.
fn is_acting(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The glyphs of our own pictures in ASCII.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        '·' => "|",
        '…' => "..",
        '⋮' => ":",
        '±' => "+-",
        '×' => "x",
        '–' | '—' => "-",
        '▶' => ">",
        '│' => "|",
        '├' => "|",
        '└' => "`",
        '─' => "-",
        '█' => "#",
        '▓' => "=",
        '▒' => "%",
        '░' => ".",
        '▚' => "@",
        '▞' => "/",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        let style = Style::plain(80);
        assert_eq!(
            safe("a\u{1b}[31mb\u{7}\u{9b}1m", style),
            "a\\u{1b}[31mb\\u{7}\\u{9b}1m"
        );
        assert_eq!(safe("x\u{202e}y\tz\n", style), "x\\u{202e}y    z\\n");
        assert_eq!(safe("naïve 日本", style), "naïve 日本");
        assert_eq!(safe("naïve ±", Style::ascii(80)), "na\\u{ef}ve +-");
    }

    #[test]
    fn text_is_cut_by_columns_not_characters() {
        let style = Style::plain(80);
        assert_eq!(cut_right("日本語です", 6, style), "日本…");
        assert_eq!(cut_right("short", 5, style), "short");
        assert_eq!(cut_right("longer", 5, Style::ascii(80)), "lon..");
        assert_eq!(
            cut_middle("package/sub/module.py:24", 15, style),
            "pack…dule.py:24"
        );
        assert_eq!(cut_right("abc", 0, style), "");
    }

    #[test]
    fn text_wraps_between_words_and_breaks_long_ones() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("took 0.3 %; a", 8), ["took", "0.3 %; a"]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
    }
}
