//! The laws that hold for all pictures: they fit, they are harmless, and nothing breaks them.

use crate::cases::{all, stuck};
use crate::{Style, dump, json, lines, trace, tree, verdict};
use pitstop_analysis::sketch::scribble;
use pitstop_analysis::{Elapsed, LinesOptions, TraceSummary, TreeOptions, Verdict};
use pitstop_model::{Id, Profile, ThreadId};
use proptest::prelude::*;

/// Every picture of a profile.
fn pictures(profile: &Profile, style: &Style) -> Vec<String> {
    let verdict = Verdict::of(profile);
    let elapsed = Elapsed::of(profile);
    let table = |options| {
        lines::render(
            &pitstop_analysis::lines::lines(profile, &elapsed, &options),
            style,
        )
    };
    let trees = |options| tree::render(&pitstop_analysis::tree::tree(profile, &options), style);
    vec![
        verdict::render(&verdict, style),
        trace::render(&TraceSummary::of(profile), style),
        table(LinesOptions::default()),
        table(LinesOptions {
            all: true,
            ..LinesOptions::default()
        }),
        table(LinesOptions {
            select: vec!["f".into(), "app.py".into(), "\u{1b}[1m".into()],
            ..LinesOptions::default()
        }),
        trees(TreeOptions::default()),
        trees(TreeOptions {
            fold_library: false,
            min_share: 0.0,
            thread: None,
        }),
        trees(TreeOptions {
            thread: Some(ThreadId::from_index(0)),
            ..TreeOptions::default()
        }),
        dump::render(&stuck(), style),
    ]
}

/// Panics unless a picture fits and has nothing but text, and tints if colour is on.
fn check(picture: &str, style: &Style) {
    let mut plain = picture.to_owned();
    if style.color {
        for code in [
            "0", "1", "2", "31", "32", "33", "34", "35", "36", "90", "91",
        ] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
    }
    for line in plain.lines() {
        let width = unicode_width::UnicodeWidthStr::width(line);
        assert!(width <= style.width, "{width} > {}: {line:?}", style.width);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.ends_with(' '), "{line:?}");
        assert!(style.unicode || line.is_ascii(), "{line:?}");
    }
}

fn styles(width: usize) -> [Style; 3] {
    [
        Style::plain(width),
        Style::ascii(width),
        Style::colored(width),
    ]
}

#[test]
fn every_picture_of_every_case_fits_every_width() {
    for (_, profile) in all() {
        for width in [20, 40, 60, 80, 96, 100, 120, 200] {
            for style in styles(width) {
                for picture in pictures(&profile, &style) {
                    check(&picture, &style);
                }
            }
        }
    }
}

#[test]
fn every_document_is_json_with_a_schema() {
    for (_, profile) in all() {
        let verdict = json::verdict(&Verdict::of(&profile));
        let elapsed = Elapsed::of(&profile);
        let lines = json::lines(&pitstop_analysis::lines::lines(
            &profile,
            &elapsed,
            &LinesOptions::default(),
        ));
        let tree = json::tree(&pitstop_analysis::tree::tree(
            &profile,
            &TreeOptions::default(),
        ));
        let dump = json::dump(&stuck());
        for (document, name) in [
            (verdict, "verdict"),
            (lines, "lines"),
            (tree, "tree"),
            (dump, "dump"),
        ] {
            let value: serde_json::Value = serde_json::from_str(&document).unwrap();
            assert_eq!(value["schema"], format!("pitstop/{name}@1"));
            assert!(document.ends_with("}\n"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_profile_and_no_width_breaks_a_picture(
        numbers in prop::collection::vec(any::<(u8, u8, u8, u16)>(), 0..24),
        width in 1..200_usize,
    ) {
        let profile = scribble(&numbers);
        for style in styles(width) {
            for picture in pictures(&profile, &style) {
                check(&picture, &style);
            }
        }
        let elapsed = Elapsed::of(&profile);
        json::verdict(&Verdict::of(&profile));
        json::lines(&pitstop_analysis::lines::lines(&profile, &elapsed, &LinesOptions::default()));
        json::tree(&pitstop_analysis::tree::tree(&profile, &TreeOptions::default()));
    }
}

/// Prints the pictures for a look at them: `cargo test -p pitstop-view -- --ignored --nocapture`,
/// with `CASE`, `COLUMNS` and `STYLE` to choose.
#[test]
#[ignore = "for eyes, not for machines"]
#[expect(clippy::print_stdout, reason = "it exists to print")]
fn gallery() {
    let width = std::env::var("COLUMNS")
        .ok()
        .and_then(|w| w.parse().ok())
        .unwrap_or(80);
    let style = match std::env::var("STYLE").as_deref() {
        Ok("ascii") => Style::ascii(width),
        Ok("color") => Style::colored(width),
        _ => Style::plain(width),
    };
    let wanted = std::env::var("CASE").unwrap_or_default();
    for (name, profile) in all().into_iter().filter(|(name, _)| name.contains(&wanted)) {
        println!("=== {name}\n");
        let pictures = pictures(&profile, &style);
        println!(
            "{}\n---\n{}\n---\n{}\n",
            pictures[0], pictures[1], pictures[4]
        );
    }
    println!("=== dump\n\n{}", dump::render(&stuck(), &style));
}
