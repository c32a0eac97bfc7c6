//! One box of the chart: its colour, the strip in it, its words and its tooltip.
//!
//! Text cannot be measured here, so boxes use a fixed-pitch font, whose columns can be counted.

use super::activity::{Activity, Split};
use super::layout::{Block, Kind, Merged};
use super::tree::{Node, Step, Tree};
use super::xml::{fit, px, rect};
use crate::Options;
use crate::amount::{counted, duration, share};
use crate::names::{Names, clean};
use crate::place::Place;
use crate::xml::escape;
use pitstop_model::Profile;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// The distance from one row of boxes to the next.
const ROW: f64 = 21.0;
/// The height of a box.
const BOX: f64 = 20.0;
/// The height of the strip in a box that shows how its time splits.
const STRIP: f64 = 3.0;
/// The width of a column at 11 px: 0.602 em in DejaVu Sans Mono and Menlo, the widest in use.
pub(super) const COLUMN: f64 = 6.63;
/// Boxes from this width on say their time.
const TIMED: f64 = 150.0;
/// And from this width on also their share.
const SHARED: f64 = 230.0;

/// The height of that many rows.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are at most some hundred rows"
)]
pub(super) fn rows_height(rows: usize) -> f64 {
    rows as f64 * ROW
}

/// What boxes say needs the profile and the whole time.
pub(super) struct Labels<'a> {
    pub(super) profile: &'a Profile,
    pub(super) names: Names,
    pub(super) options: &'a Options,
    pub(super) total_ns: u64,
}

/// What one box says and looks like.
struct Label {
    name: String,
    /// Where it is written, or what it is if that is not code.
    location: String,
    /// True when `location` is shown in the box and not only in its tooltip.
    located: bool,
    class: String,
}

pub(super) fn draw(
    out: &mut String,
    at: (f64, f64),
    tree: &Tree,
    block: &Block,
    labels: &Labels<'_>,
) {
    let (label, total_ns, split, own_ns) = match &block.kind {
        Kind::Node(at) => {
            let node = &tree.nodes[*at];
            (labels.node(node), node.total_ns, &node.split, node.self_ns)
        }
        Kind::Narrow(rest) => (merged("narrow", rest), rest.total_ns, &rest.split, 0),
        Kind::Deep(rest) => (merged("deeper", rest), rest.total_ns, &rest.split, 0),
    };
    let (left, top) = at;
    let x = left + block.x;
    let y = top + rows_height(block.depth);
    let time = duration(total_ns);
    let part = share(total_ns, labels.total_ns);
    let mut about = format!("{time} of {} ({part})", duration(labels.total_ns));
    if own_ns > 0 {
        let _ = write!(about, ", self {}", duration(own_ns));
    }
    let _ = write!(
        out,
        "<g class=\"f {}\"><title>{}\n{}\n{}\n{}</title>",
        label.class,
        escape(&label.name),
        escape(&label.location),
        escape(&about),
        split_text(split)
    );
    rect(
        out,
        if block.width < 2.0 { "" } else { "b" },
        x,
        y,
        block.width,
        BOX,
    );
    strip(out, x, y + BOX - STRIP - 0.4, block.width, split);
    text(out, x, y + 12.5, block.width, &label, [&time, &part]);
    out.push_str("</g>\n");
}

impl Labels<'_> {
    fn node(&self, node: &Node) -> Label {
        let structure = |name: String, location: String| Label {
            name,
            location,
            located: false,
            class: "t".to_owned(),
        };
        let timeline = &self.profile.timeline;
        match node.step {
            Step::Root => structure(
                "all threads".to_owned(),
                self.options.selection.description().to_owned(),
            ),
            Step::Process(id) => {
                let process = timeline.process(id);
                let python = match self.profile.text(process.python) {
                    "" => String::new(),
                    version => format!(", Python {}", clean(version)),
                };
                let location = format!("process {}{python}", process.pid);
                structure(self.names.process(id).to_owned(), location)
            }
            Step::Thread(id) => {
                let process = self.names.process(self.names.process_of(id));
                let location = format!("thread {} of {process}", timeline.thread(id).tid);
                structure(self.names.thread(id).to_owned(), location)
            }
            Step::Place(place) => self.place(place, &node.split),
        }
    }

    fn place(&self, place: Place, split: &Split) -> Label {
        let activity = Activity::dominant(split).class();
        let name = clean(&place.name(self.profile));
        match place.function() {
            Some(id) => {
                let places = &self.profile.places;
                let library = places.file(places.function(id).file).kind.is_library();
                Label {
                    name,
                    location: clean(&place.location(self.profile)),
                    located: true,
                    class: format!("{activity}{}", if library { " l" } else { "" }),
                }
            }
            None => Label {
                name,
                location: "not a function".to_owned(),
                located: false,
                class: format!("{activity} l"),
            },
        }
    }
}

fn merged(what: &str, rest: &Merged) -> Label {
    Label {
        name: format!("{} {what}", counted(rest.places as u64, "box", "boxes")),
        location: "drawn together".to_owned(),
        located: false,
        class: format!("{} l", Activity::dominant(&rest.split).class()),
    }
}

/// `Python code 1.20 s, native code 280 ms`, most time first.
fn split_text(split: &Split) -> String {
    let mut parts: Vec<(Activity, u64)> = Activity::ALL
        .into_iter()
        .zip(split.iter().copied())
        .filter(|&(_, ns)| ns > 0)
        .collect();
    parts.sort_by_key(|&(_, ns)| std::cmp::Reverse(ns));
    parts
        .iter()
        .map(|(activity, ns)| format!("{} {}", activity.text(), duration(*ns)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How the time of a box splits, where that is more than its colour says.
fn strip(out: &mut String, x: f64, y: f64, width: f64, split: &Split) {
    let total_ns: u64 = split.iter().sum();
    let mixed = split.iter().max().is_some_and(|&most| most < total_ns);
    if !mixed || width < 8.0 {
        return;
    }
    let mut left = 0;
    #[expect(clippy::cast_precision_loss, reason = "positions are drawn to 0.01 px")]
    let at = |ns: u64| ns as f64 / total_ns as f64 * width;
    for (activity, &ns) in Activity::ALL.into_iter().zip(split) {
        if at(ns) >= 0.3 {
            rect(out, activity.class(), x + at(left), y, at(ns), STRIP);
        }
        left += ns;
    }
}

/// The name, then the place, the time and the share where there is room.
fn text(out: &mut String, x: f64, y: f64, width: f64, label: &Label, amounts: [&str; 2]) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and less than nothing is nothing"
    )]
    let columns = ((width - 10.0) / COLUMN) as usize;
    let [time, share] = amounts;
    let both = format!("{time}  {share}");
    let name = label.name.width();
    let left = |amount: &str| columns.checked_sub(name + 2 + amount.width());
    let amount = [(SHARED, both.as_str()), (TIMED, time)]
        .into_iter()
        .find(|&(from, amount)| width >= from && left(amount).is_some())
        .map_or("", |(_, amount)| amount);
    let Some(shown) = fit(&label.name, columns) else {
        return;
    };
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\">{}",
        px(x + 5.0),
        px(y),
        escape(&shown)
    );
    if label.located && left(amount).is_some_and(|left| left >= 2 + label.location.width()) {
        let location = escape(&label.location);
        let _ = write!(out, "  <tspan class=\"q\">{location}</tspan>");
    }
    out.push_str("</text>");
    if !amount.is_empty() {
        let _ = write!(
            out,
            "<text class=\"e q\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            px(x + width - 5.0),
            px(y),
            escape(amount)
        );
    }
}
