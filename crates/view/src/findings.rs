//! The picture of findings: a frame of code for each, with what is wrong and what to do.
//!
//! Frames are drawn by `annotate-snippets`, which also keeps control characters of the source from
//! the terminal.

use crate::Style;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use pitstop_model::{EvidenceKind, Finding, Findings, Interval, Judgement, Place, Remedy};
use serde_json::{Value, json};

/// A note further away than this is told in words: a frame of folded lines shows nothing.
const FAR_LINES: u32 = 60;

/// Renders them. `source` gives the text of a file.
pub fn findings<'a>(
    all: &Findings,
    source: impl Fn(&str) -> Option<&'a str>,
    style: &Style,
) -> String {
    let mut out = String::new();
    for finding in &all.findings {
        out.push_str(&frame(finding, source(&finding.place.file), style));
        out.push_str("\n\n");
    }
    for (place, message) in &all.problems {
        out.push_str(&line("not read", place, message, style));
    }
    for (place, message) in &all.remarks {
        out.push_str(&line("comment", place, message, style));
    }
    if !all.problems.is_empty() || !all.remarks.is_empty() {
        out.push('\n');
    }
    for sentence in summary(all) {
        out.push_str(&wrapped(&sentence, style.width));
        out.push('\n');
    }
    out
}

/// What there is, in a sentence or two.
pub fn summary(all: &Findings) -> Vec<String> {
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let mut first = format!(
        "{} in {}",
        count(all.findings.len(), "finding", "findings"),
        count(all.files, "file", "files"),
    );
    if !all.ignored.is_empty() {
        first.push_str(&format!(", {} ignored by comments", all.ignored.len()));
    }
    let editable = all.editable();
    if editable > 0 {
        first.push_str(&format!(", {editable} with an edit that is ready"));
    }
    let mut sentences = vec![first];
    let has = |wanted: fn(&Judgement) -> bool| all.findings.iter().any(|it| wanted(&it.judgement));
    if has(|judgement| matches!(judgement, Judgement::Plausible { .. })) {
        sentences.push(
            "Plausible is not slow: the source alone does not tell what runs often or holds much."
                .into(),
        );
    }
    sentences
}

/// How sure, as a word.
fn word(finding: &Finding) -> &'static str {
    finding.judgement.key()
}

fn frame(finding: &Finding, source: Option<&str>, style: &Style) -> String {
    let level = match finding.judgement {
        Judgement::Confirmed { .. } => Level::ERROR,
        Judgement::Plausible { .. } | Judgement::NotMeasured => Level::WARNING,
        Judgement::Refuted { .. } => Level::NOTE,
    };
    let growth = match (finding.growth.as_str(), style.unicode) {
        ("", _) => String::new(),
        (growth, true) => format!(" · {growth}"),
        (growth, false) => format!(" - {}", growth.replace('²', "^2")),
    };
    let title = level
        .with_name(word(finding))
        .primary_title(format!("{}{growth}", finding.message))
        .id(format!("{} {}", finding.rule, finding.slug));
    let mut far = Vec::new();
    let mut near = Vec::new();
    for (place, text) in &finding.notes {
        let distance = place.start.0.abs_diff(finding.place.start.0);
        if place.file == finding.place.file && distance <= FAR_LINES {
            near.push((place, text));
        } else {
            far.push(format!("line {}: {text}", place.start.0));
        }
    }
    let mut elements: Vec<annotate_snippets::Element<'_>> = Vec::new();
    if let Some(text) = source {
        elements.push(snippet(finding, &near, text).into());
    }
    let (fix, fix_text) = remedy(&finding.remedy);
    let said = far.into_iter().map(|text| ("note", text));
    let seen = finding
        .evidence
        .iter()
        .map(|seen| ("seen", seen.text.clone()));
    let said = said.chain(seen).chain([(fix, fix_text)]);
    let help = format!("pitstop explain {}", finding.rule);
    let words: Vec<(&str, String)> = said.chain([("help", help)]).collect();
    for (name, text) in words {
        elements.push(Level::HELP.with_name(name).message(text).into());
    }
    let decor = if style.unicode {
        DecorStyle::Unicode
    } else {
        DecorStyle::Ascii
    };
    let renderer = if style.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(decor).term_width(style.width);
    renderer.render(&[title.elements(elements)])
}

/// The lines from the first to the last place that is marked.
fn snippet<'a>(
    finding: &Finding,
    near: &[(&Place, &'a String)],
    text: &'a str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let places = near.iter().map(|(place, _)| *place).chain([&finding.place]);
    let first = places.clone().map(|place| place.bytes.0).min().unwrap_or(0);
    let last = places.clone().map(|place| place.bytes.1).max().unwrap_or(0);
    let first_line = places.map(|place| place.start.0).min().unwrap_or(1);
    let bytes = text.as_bytes();
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let before = bytes.get(..first.min(bytes.len())).unwrap_or(bytes);
    let start = before.iter().rposition(is_end).map_or(0, |at| at + 1);
    let after = bytes.get(last.min(bytes.len())..).unwrap_or(&[]);
    let end = last.min(bytes.len()) + after.iter().position(is_end).unwrap_or(after.len());
    let piece = text.get(start..end).unwrap_or("");
    let span = |place: &Place| {
        let at = |byte: usize| byte.saturating_sub(start).min(piece.len());
        at(place.bytes.0)..at(place.bytes.1)
    };
    let mut snippet = Snippet::source(piece)
        .path(finding.place.file.clone())
        .line_start(first_line as usize)
        .annotation(AnnotationKind::Primary.span(span(&finding.place)));
    for (place, text) in near {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(span(place))
                .label(text.as_str()),
        );
    }
    snippet
}

/// What to do, in words.
fn remedy(remedy: &Remedy) -> (&'static str, String) {
    match remedy {
        Remedy::Edit {
            title, conditions, ..
        } if conditions.is_empty() => ("fix", format!("{title} (safe)")),
        Remedy::Edit {
            title, conditions, ..
        } => ("fix", format!("{title}, if {}", conditions.join(", and "))),
        Remedy::ByHand { advice, why } => ("by hand", format!("{advice} ({why})")),
    }
}

/// A message without a frame.
fn line(kind: &str, place: &Place, message: &str, style: &Style) -> String {
    let clean: String = message.chars().filter(|c| !c.is_control()).collect();
    let file: String = place.file.chars().filter(|c| !c.is_control()).collect();
    let (bold, reset) = if style.color {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    let at = match place.start {
        (0, _) => file,
        (line, column) => format!("{file}:{line}:{column}"),
    };
    format!("{bold}{kind}{reset} {at}: {clean}\n")
}

fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// As JSON, schema `pitstop/check@1`.
pub fn json(all: &Findings) -> String {
    let ignored = all.ignored.iter().map(|(finding, reason)| {
        let mut value = one(finding);
        value["reason"] = json!(reason);
        value
    });
    let message = |(place, message): &(Place, String)| json!({"file": place.file, "line": place.start.0, "column": place.start.1, "message": message});
    let rules = all
        .rules
        .iter()
        .map(|rule| json!({"rule": rule.code, "slug": rule.slug, "title": rule.title}));
    let document = json!({
        "schema": "pitstop/check@1",
        "files": all.files,
        "bytes": all.bytes,
        "findings": all.findings.iter().map(one).collect::<Vec<_>>(),
        "ignored": ignored.collect::<Vec<_>>(),
        "problems": all.problems.iter().map(message).collect::<Vec<_>>(),
        "remarks": all.remarks.iter().map(message).collect::<Vec<_>>(),
        "rules": rules.collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// A finding as JSON, the same in every document.
pub(crate) fn one(finding: &Finding) -> Value {
    let interval = |it: &Interval| json!({"low": it.low, "middle": it.middle, "high": it.high});
    let missing = |kinds: &[EvidenceKind]| kinds.iter().map(|kind| kind.key()).collect::<Vec<_>>();
    let (mut factor, mut saving, mut lacks, mut why) = (Value::Null, Value::Null, Vec::new(), None);
    match &finding.judgement {
        Judgement::Confirmed {
            factor: how_much,
            saving_ns,
        } => {
            factor = interval(how_much);
            saving = interval(saving_ns);
        }
        Judgement::Plausible { missing: kinds } => lacks = missing(kinds),
        Judgement::Refuted { why: reason } => why = Some(reason),
        Judgement::NotMeasured => {}
    }
    let remedy = match &finding.remedy {
        Remedy::Edit {
            title,
            class,
            conditions,
            edits,
        } => {
            let edits = edits.iter().map(|edit| {
                json!({"start_byte": edit.bytes.0, "end_byte": edit.bytes.1, "text": edit.text})
            });
            json!({
                "kind": "edit",
                "title": title,
                "class": class.key(),
                "conditions": conditions,
                "edits": edits.collect::<Vec<_>>(),
            })
        }
        Remedy::ByHand { advice, why } => json!({"kind": "by-hand", "title": advice, "why": why}),
    };
    let notes = finding.notes.iter().map(|(place, text)| {
        json!({"file": place.file, "line": place.start.0, "column": place.start.1, "text": text})
    });
    let evidence = finding.evidence.iter();
    let evidence = evidence.map(|seen| json!({"kind": seen.kind.key(), "text": seen.text}));
    let place = &finding.place;
    json!({
        "rule": finding.rule,
        "slug": finding.slug,
        "file": place.file,
        "line": place.start.0,
        "column": place.start.1,
        "end_line": place.end.0,
        "end_column": place.end.1,
        "start_byte": place.bytes.0,
        "end_byte": place.bytes.1,
        "function": finding.function,
        "message": finding.message,
        "growth": finding.growth,
        "verdict": finding.judgement.key(),
        "missing": lacks,
        "why": why,
        "factor": factor,
        "saving_ns": saving,
        "measured_ns": finding.measured_ns.as_ref().map(interval),
        "evidence": evidence.collect::<Vec<_>>(),
        "remedy": remedy,
        "notes": notes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::FixClass;

    const SOURCE: &str = "def f(rows):\n    seen = []\n    for row in rows:\n        if row in seen:\x1b[2J\n            pass\n";

    fn all() -> Findings {
        let place = |text: &str, line| {
            let at = SOURCE.find(text).expect("is there");
            Place {
                file: "app.py".into(),
                bytes: (at, at + text.len()),
                start: (line, 5),
                end: (line, 9),
            }
        };
        let finding = Finding {
            rule: "PS101".into(),
            slug: "list-membership".into(),
            message: "membership test on `seen`".into(),
            growth: "O(n²)".into(),
            place: place("row in seen", 4),
            function: "f".into(),
            notes: vec![(place("seen", 2), "a list".into())],
            judgement: Judgement::Plausible {
                missing: vec![EvidenceKind::Share],
            },
            measured_ns: None,
            evidence: Vec::new(),
            remedy: Remedy::Edit {
                title: "make it a set".into(),
                class: FixClass::TypeConditional,
                conditions: vec!["all are hashable".into()],
                edits: Vec::new(),
            },
        };
        Findings {
            findings: vec![finding],
            problems: vec![(Place::default(), "no\x1b Python".into())],
            files: 3,
            ..Findings::default()
        }
    }

    #[test]
    fn a_frame_shows_the_place_the_notes_and_what_to_do() {
        let style = |color, unicode| Style {
            color,
            unicode,
            width: 80,
        };
        let text = findings(&all(), |_| Some(SOURCE), &style(false, false));
        for part in [
            "plausible[PS101 list-membership]: membership test on `seen` - O(n^2)",
            "app.py:4:",
            "2 |",
            "a list",
            "^^^^^^^^^^^",
            "fix: make it a set, if all are hashable",
            "help: pitstop explain PS101",
            "1 finding in 3 files, 1 with an edit that is ready",
        ] {
            assert!(text.contains(part), "{part:?} is missing:\n{text}");
        }
        assert!(text.is_ascii() || text.contains('␛'), "{text}");
        assert!(
            !text.contains('\x1b'),
            "the source reaches the terminal:\n{text}"
        );
        assert!(findings(&all(), |_| Some(SOURCE), &style(true, true)).contains("O(n²)"));
        // A file that changed meanwhile, and one that is gone.
        let short = findings(&all(), |_| Some("x"), &style(false, true));
        assert!(
            short.contains("PS101")
                && findings(&all(), |_| None, &style(false, true)).contains("PS101")
        );
    }

    #[test]
    fn the_document_says_everything() {
        let value: Value = serde_json::from_str(&json(&all())).expect("JSON");
        let one = &value["findings"][0];
        assert_eq!(value["schema"], "pitstop/check@1");
        assert_eq!(
            (&one["verdict"], &one["line"]),
            (&json!("plausible"), &json!(4))
        );
        assert_eq!(one["missing"], json!(["share"]));
        assert_eq!(one["remedy"]["class"], "type-conditional");
        assert_eq!(value["problems"][0]["line"], 0);
    }
}
