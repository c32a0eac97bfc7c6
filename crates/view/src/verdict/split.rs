//! Where the elapsed time went, as bars that add up to it.

use crate::paint::number::{TimeScale, share};
use crate::paint::{Page, Tint, bar, text};
use crate::verdict::WIDE;
use crate::words::{label, wait_noun, wait_word};
use pitstop_analysis::{Doing, Split, WaitFor};

/// The column that bars begin at, after the longest label.
const LABEL: usize = 14;
/// The columns of a share and the space before it.
const SHARE: usize = 8;
/// The longest and the shortest bar of everything.
const LONGEST: usize = 60;
const SHORTEST: usize = 4;
/// Bars of a smaller share are left out.
const WORTH_DRAWING: f64 = 0.005;

/// One bar of the split.
struct Bar {
    label: &'static str,
    tint: Tint,
    ns: f64,
    /// A remark; empty for none.
    detail: String,
}

/// Draws the bars.
pub(super) fn split_bars(page: &mut Page, split: &Split) {
    let style = page.style();
    let total_ns = split.total_ns();
    let part = |bar: &Bar| {
        if total_ns > 0.0 {
            bar.ns / total_ns
        } else {
            0.0
        }
    };
    let room_for_detail = if style.width < WIDE {
        0
    } else {
        style.width * 3 / 10
    };
    let bars: Vec<Bar> = bars(split, room_for_detail)
        .into_iter()
        .filter(|bar| bar.label == PYTHON || part(bar) >= WORTH_DRAWING)
        .collect();

    let scale = TimeScale::of(total_ns);
    let widest = |of: &dyn Fn(&Bar) -> String| {
        let widths = bars
            .iter()
            .map(|bar| text::width(&text::safe(&of(bar), style)));
        widths.max().unwrap_or(0)
    };
    let time = widest(&|bar| scale.format(bar.ns));
    let detail = match widest(&|bar| bar.detail.clone()) {
        0 => 0,
        width => width + 3,
    };
    let beside = LABEL + 2 + time + SHARE + detail;
    let cells = style.width.saturating_sub(beside).clamp(SHORTEST, LONGEST);
    for entry in &bars {
        let line = page
            .line()
            .gap(1)
            .put(entry.label)
            .to(LABEL)
            .tinted(entry.tint, &bar::bar(part(entry), cells, style))
            .to(LABEL + cells + 2)
            .right(Tint::None, &scale.format(entry.ns), time)
            .right(Tint::None, &share(part(entry)), SHARE)
            .gap(3)
            .tinted(Tint::Quiet, &entry.detail);
        page.push(line);
    }
}

const PYTHON: &str = "Python code";

fn bars(split: &Split, room_for_detail: usize) -> Vec<Bar> {
    let bar = |doing| Bar {
        label: match doing {
            Doing::Python => PYTHON,
            doing => label(doing),
        },
        tint: Tint::Doing(doing),
        ns: match doing {
            Doing::Unknown => split.cost.ns(doing) + split.unseen_ns,
            doing => split.cost.ns(doing),
        },
        detail: match doing {
            Doing::Waiting => waited_for(split, room_for_detail),
            _ => String::new(),
        },
    };
    let startup = Bar {
        label: "startup",
        tint: Tint::Quiet,
        ns: split.startup_ns,
        detail: String::new(),
    };
    Doing::ALL.into_iter().map(bar).chain([startup]).collect()
}

/// What the waiting was for: the one thing, or the first two with their shares. In one word each
/// where that is all there is room for.
fn waited_for(split: &Split, room: usize) -> String {
    let waiting_ns = split.cost.ns(Doing::Waiting);
    let worth: Vec<&(WaitFor, f64)> = split
        .waited_for
        .iter()
        .filter(|(_, ns)| *ns >= waiting_ns * 0.1)
        .take(2)
        .collect();
    let said = |name: &dyn Fn(&WaitFor) -> String| match worth[..] {
        [] => String::new(),
        [(only, _)] => name(only),
        [..] => {
            let parts = worth.iter().map(|(what, ns)| {
                let share = share(ns / split.total_ns());
                format!("{} {share}", name(what))
            });
            parts.collect::<Vec<_>>().join(", ")
        }
    };
    [said(&wait_noun), said(&wait_word)]
        .into_iter()
        .find(|said| text::width(said) <= room)
        .unwrap_or_default()
}
