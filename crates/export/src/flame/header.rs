//! The words around the chart: what was measured, what the colours mean, what was left out.

use super::activity::{Activity, Split};
use super::layout::{Layout, Merged, WIDTH};
use super::tree::Tree;
use super::xml::px;
use crate::amount::{counted, duration, share};
use crate::names::clean;
use crate::selection::Selection;
use crate::xml::escape;
use crate::{Granularity, Options};
use pitstop_model::Profile;
use std::fmt::Write;

/// How much time, on how many threads, and how it was measured.
pub(super) fn subtitle(profile: &Profile, options: &Options, tree: &Tree) -> String {
    let mut parts = Vec::new();
    if profile.meta.duration_ns > 0 {
        parts.push(format!("ran {}", duration(profile.meta.duration_ns)));
    }
    let what = match options.selection {
        Selection::All => String::new(),
        other => format!(" ({})", other.description()),
    };
    let whose = match (tree.threads, tree.processes) {
        (1, _) => "on one thread".to_owned(),
        (threads, 1) => format!("summed over {threads} threads"),
        (threads, processes) => {
            format!("summed over {threads} threads of {processes} processes")
        }
    };
    parts.push(format!("{} {whose}{what}", duration(tree.total_ns())));
    let exact = profile.meta.method.is_exact();
    parts.push(if exact {
        counted(tree.samples, "call", "calls")
    } else {
        counted(tree.samples, "sample", "samples")
    });
    if let Some(rate) = profile.meta.quality.rates.first() {
        parts.push(format!("{:.0} Hz", rate.rate_hz));
    }
    if options.granularity == Granularity::Line {
        parts.push("by line".to_owned());
    }
    if let Some(root) = profile.timeline.processes.first() {
        match profile.text(root.python) {
            "" => {}
            version => parts.push(format!("Python {}", clean(version))),
        }
    }
    parts.join("  ·  ")
}

/// One swatch for each activity that took time. Returns the bottom of the last line.
pub(super) fn legend(out: &mut String, at: (f64, f64), split: &Split, total_ns: u64) -> f64 {
    let (left, mut y) = at;
    let mut x = left;
    for (activity, &ns) in Activity::ALL.into_iter().zip(split) {
        if ns == 0 {
            continue;
        }
        let text = activity.text();
        let amount = format!("{}, {}", duration(ns), share(ns, total_ns));
        // 12 px of the widest system font; the others leave a wider gap.
        #[expect(clippy::cast_precision_loss, reason = "a line of text")]
        let width = 18.0 + (text.len() + 2 + amount.len()) as f64 * 7.0 + 14.0;
        if x + width > left + WIDTH && x > left {
            (x, y) = (left, y + 20.0);
        }
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2.5\"/>\
             <text class=\"h\" x=\"{}\" y=\"{}\">{text}  <tspan class=\"mu\">{}</tspan></text>",
            activity.class(),
            px(x),
            px(y),
            px(x + 18.0),
            px(y + 10.5),
            escape(&amount),
        );
        x += width;
    }
    y + 12.0
}

/// What was drawn together, what could not be read, and who made the picture.
pub(super) fn notes(profile: &Profile, layout: &Layout, total_ns: u64) -> Vec<String> {
    let merged = |merged: &Merged, why: &str| {
        (merged.places > 0).then(|| {
            format!(
                "{} {why}: {}, {}",
                counted(merged.places as u64, "box", "boxes"),
                duration(merged.total_ns),
                share(merged.total_ns, total_ns)
            )
        })
    };
    let verdicts = &profile.meta.quality.verdicts;
    let doubtful = verdicts.partial_total() + verdicts.failed_total();
    let measured = [
        merged(&layout.narrow, "too narrow to draw, drawn together"),
        merged(&layout.deep, "too deep to draw"),
        (doubtful > 0).then(|| {
            format!(
                "{} without a complete stack ({})",
                counted(doubtful, "sample", "samples"),
                share(doubtful, verdicts.total())
            )
        }),
    ];
    let mut lines = Vec::new();
    let measured: Vec<String> = measured.into_iter().flatten().collect();
    if !measured.is_empty() {
        lines.push(measured.join("  ·  "));
    }
    let maker = format!("pitstop {}", profile.meta.tool_version);
    let made_on = [maker.trim_end(), &clean(&profile.meta.host)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ·  ");
    lines.push(made_on);
    lines
}
