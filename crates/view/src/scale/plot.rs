//! The plot in characters: time over size, both on logarithmic scales, measured points over the
//! curve of the class.

use crate::paint::{Page, Style, Tint};
use crate::trials::time;
use pitstop_analysis::scaling::Scaling;

const ROWS: usize = 12;

/// The columns of the labels at the left.
const LABELS: usize = 10;

/// The widest plot: beyond, it only becomes flatter.
const MOST_COLUMNS: usize = 66;

/// What stands in a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Fit,
    Point,
}

/// Draws the points, and the fitted class between them.
pub(super) fn draw(page: &mut Page, scaling: &Scaling<'_>, style: Style) {
    let sizes: Vec<f64> = scaling.measured.sizes.iter().map(|&n| n as f64).collect();
    let columns = style
        .width
        .saturating_sub(LABELS + 3)
        .clamp(8, MOST_COLUMNS);
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else {
        return;
    };
    let (left, right) = (first.ln(), last.ln().max(first.ln() + 1e-9));
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ns| {
            (low.min(ns), high.max(ns))
        })
    };
    let (low, high) = bounds(&mut scaling.medians.iter().copied());
    // What does not grow is a line in the middle, not noise over the whole height.
    let (low, high) = if high < low * 4.0 {
        ((low * high).sqrt() / 2.0, (low * high).sqrt() * 2.0)
    } else {
        (low, high)
    };
    let (bottom, top) = (low.ln(), high.ln());
    let row = |ns: f64| {
        let share = (ns.ln() - bottom) / (top - bottom);
        (0.0..=1.0)
            .contains(&share)
            .then(|| ((1.0 - share) * (ROWS - 1) as f64).round() as usize)
    };
    let mut cells = vec![vec![Mark::None; columns]; ROWS];
    if let Some(known) = &scaling.time {
        let fitted: Vec<Option<usize>> = (0..columns)
            .map(|column| {
                let share = column as f64 / (columns - 1) as f64;
                let size = (left + share * (right - left)).exp();
                row(known.best.predict(size))
            })
            .collect();
        for (column, row) in fitted.into_iter().enumerate() {
            if let Some(row) = row {
                cells[row][column] = Mark::Fit;
            }
        }
    }
    for (size, ns) in sizes.iter().zip(&scaling.medians) {
        let share = (size.ln() - left) / (right - left);
        let column = (share * (columns - 1) as f64).round() as usize;
        if let Some(row) = row(*ns) {
            cells[row][column.min(columns - 1)] = Mark::Point;
        }
    }
    let (point, fit, wall) = if style.unicode {
        ("●", "·", "│")
    } else {
        ("o", ".", "|")
    };
    for (at, cells) in cells.iter().enumerate() {
        let label = match at {
            0 => time(high),
            _ if at == ROWS - 1 => time(low),
            _ => String::new(),
        };
        let mut line = page.line().gap(1).right(Tint::Quiet, &label, LABELS - 2);
        line = line.gap(1).tinted(Tint::Quiet, wall);
        let mut from = 0;
        while from < cells.len() {
            let mark = cells[from];
            let until = (from..cells.len())
                .find(|&at| cells[at] != mark)
                .unwrap_or(cells.len());
            let many = until - from;
            line = match mark {
                Mark::None => line.gap(many),
                Mark::Fit => line.tinted(Tint::Quiet, &fit.repeat(many)),
                Mark::Point => line.tinted(Tint::Strong, &point.repeat(many)),
            };
            from = until;
        }
        page.push(line);
    }
    let (corner, floor) = if style.unicode {
        ("└", "─")
    } else {
        ("`", "-")
    };
    let line = page.line().gap(LABELS);
    page.push(line.tinted(Tint::Quiet, &format!("{corner}{}", floor.repeat(columns))));
    let ends = (format!("n = {first:.0}"), format!("{last:.0}"));
    let line = page.line().gap(LABELS + 1).tinted(Tint::Quiet, &ends.0);
    let room = (LABELS + 1 + columns).saturating_sub(line.width());
    page.push(line.right(Tint::Quiet, &ends.1, room));
}
