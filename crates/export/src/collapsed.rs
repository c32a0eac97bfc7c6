//! Collapsed stacks: one line a stack, frames joined by `;`, then a space and the time.
//!
//! The format has no specification beyond Brendan Gregg's scripts, and no escapes. What its readers
//! stumble over is therefore replaced: `;` parts frames; a line that starts with `#` is a comment
//! to Perfetto; and a frame that ends in a space and digits is read as a pair of counts by
//! differential flame graph tools. The thread is the first frame. Times are whole microseconds,
//! because some readers take integers only.

use crate::Options;
use crate::names::{Names, clean};
use crate::place::{Place, places};
use crate::selection::selected;
use pitstop_model::Profile;
use std::collections::BTreeMap;
use std::io::{self, Write};

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let names = Names::new(profile);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for one in selected(profile, options.selection) {
        let mut line = escape(&names.full(one.row.thread));
        if line.starts_with('#') {
            line.replace_range(..1, "_");
        }
        for place in places(profile, one.row, options.granularity) {
            line.push(';');
            line.push_str(&frame(profile, place));
        }
        *lines.entry(line).or_default() += one.wall_ns;
    }
    // Rounding the running sum, not each line, keeps the total true to the microsecond.
    let (mut sum_ns, mut written_us) = (0, 0);
    for (line, wall_ns) in lines {
        sum_ns += wall_ns;
        let time_us = (sum_ns + 500) / 1000 - written_us;
        if time_us > 0 {
            writeln!(out, "{line} {time_us}")?;
            written_us += time_us;
        }
    }
    Ok(())
}

/// `dedupe (report.py:23)`.
fn frame(profile: &Profile, place: Place) -> String {
    let name = place.name(profile);
    match place.location(profile).as_str() {
        "" => escape(&name),
        location => escape(&format!("{name} ({location})")),
    }
}

/// Makes a text one frame to every reader.
fn escape(text: &str) -> String {
    let text = clean(text).replace(';', ":");
    match text.trim().rsplit_once(' ') {
        Some((head, tail)) if tail.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{}_{tail}", head.trim_end())
        }
        _ if text.trim().is_empty() => "_".to_owned(),
        _ => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_readers_stumble_over_is_replaced() {
        for (text, escaped) in [
            ("a;b", "a:b"),
            ("worker 12", "worker_12"),
            ("worker  12 ", "worker_12"),
            ("a\nb", "a b"),
            ("12", "12"),
            ("", "_"),
            ("f (a.py:3)", "f (a.py:3)"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_frame(text in any::<String>()) {
            let frame = escape(&text);
            prop_assert!(!frame.is_empty());
            prop_assert!(!frame.contains([';', '\n', '\r']));
            let tail = frame.rsplit_once(' ').map(|(_, tail)| tail);
            prop_assert!(tail.is_none_or(|t| !t.bytes().all(|b| b.is_ascii_digit())));
        }
    }
}
