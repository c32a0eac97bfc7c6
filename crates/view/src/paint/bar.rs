//! Bars, stacked bars and sparklines.

use super::style::Tint;
use super::{Line, Style};
use pitstop_analysis::{Cost, Doing};

/// Eighths of a cell, from one to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_LEVELS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// A bar of `part` (0 to 1) of `cells` cells. What is there is never nothing.
pub(crate) fn bar(part: f64, cells: usize, style: Style) -> String {
    let part = if part.is_finite() {
        part.clamp(0.0, 1.0)
    } else {
        0.0
    };
    if part <= 0.0 || cells == 0 {
        return String::new();
    }
    if !style.unicode {
        let full = (part * cells as f64).round() as usize;
        return if full == 0 {
            ".".to_owned()
        } else {
            "#".repeat(full)
        };
    }
    let eighths = ((part * cells as f64 * 8.0).round() as usize).max(1);
    let mut out = "█".repeat(eighths / 8);
    out.extend(
        eighths
            .checked_rem(8)
            .filter(|&n| n > 0)
            .map(|n| EIGHTHS[n - 1]),
    );
    out
}

/// The glyph that stands for an activity where several share a bar.
pub(crate) fn glyph(doing: Doing) -> char {
    match doing {
        Doing::Python => '█',
        Doing::Native => '▓',
        Doing::GarbageCollection => '▚',
        Doing::GilWait => '▒',
        Doing::Waiting => '░',
        Doing::CpuWait => '▞',
        Doing::Unknown => '?',
    }
}

/// Adds a bar of at most `cells` cells whose parts say what the time was spent doing. A time of
/// `full_ns` fills it.
pub(crate) fn stacked(mut line: Line, cost: &Cost, full_ns: f64, cells: usize) -> Line {
    let total_ns = cost.total_ns();
    if total_ns <= 0.0 || full_ns <= 0.0 || cells == 0 {
        return line;
    }
    let style = line.style();
    let part = (total_ns / full_ns).clamp(0.0, 1.0);
    let parts: Vec<Doing> = Doing::ALL
        .into_iter()
        .filter(|&doing| cost.ns(doing) > 0.0)
        .collect();
    if parts == [Doing::Python] {
        return line.tinted(Tint::Doing(Doing::Python), &bar(part, cells, style));
    }
    let used = ((part * cells as f64).round() as usize).max(1);
    // Cell borders are rounded sums, so the parts fill the bar exactly.
    let (mut sum_ns, mut drawn) = (0.0, 0);
    for doing in parts {
        sum_ns += cost.ns(doing);
        let until = (sum_ns / total_ns * used as f64).round() as usize;
        let glyphs = glyph(doing).to_string().repeat(until.saturating_sub(drawn));
        line = line.tinted(Tint::Doing(doing), &glyphs);
        drawn = drawn.max(until);
    }
    line
}

/// A curve of `(time, value)` points in time order, in at most `cells` cells: each the highest
/// value in its part of the time, the top full.
pub(crate) fn sparkline(points: &[(u64, u64)], cells: usize, style: Style) -> String {
    let top = points.iter().map(|point| point.1).max().unwrap_or(0);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let cells = cells.min(points.len());
    if top == 0 || cells == 0 {
        return String::new();
    }
    let span = last.0.saturating_sub(first.0).max(1) as f64;
    let mut highest: Vec<Option<u64>> = vec![None; cells];
    for &(time, value) in points {
        let part = time.saturating_sub(first.0) as f64 / span;
        let cell = ((part * cells as f64) as usize).min(cells - 1);
        highest[cell] = highest[cell].max(Some(value));
    }
    let levels = if style.unicode { LEVELS } else { ASCII_LEVELS };
    // Where nothing was measured the value before still holds.
    let mut value = 0;
    let level = |cell: Option<u64>| {
        value = cell.unwrap_or(value);
        levels[(value as f64 / top as f64 * 7.0).round() as usize]
    };
    highest.into_iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::ThreadState;

    #[test]
    fn bars_count_in_eighths_and_never_vanish() {
        let style = Style::plain(80);
        assert_eq!(bar(0.5, 5, style), "██▌");
        assert_eq!(bar(0.001, 5, style), "▏");
        assert_eq!(bar(0.0, 5, style), "");
        assert_eq!(bar(2.0, 3, style), "███");
        assert_eq!(bar(f64::NAN, 3, style), "");
        assert_eq!(bar(0.5, 4, Style::ascii(80)), "##");
        assert_eq!(bar(0.01, 4, Style::ascii(80)), ".");
    }

    #[test]
    fn stacked_parts_fill_the_bar() {
        let mut cost = Cost::default();
        cost.add(ThreadState::Python, 1.0, 1);
        cost.add(ThreadState::Sleep, 2.0, 1);
        let line = stacked(Line::new(Style::plain(80)), &cost, 6.0, 12);
        assert_eq!(line.text(), "██░░░░");
    }

    #[test]
    fn a_sparkline_keeps_peaks_and_the_scale_of_time() {
        let values = [1, 1, 8, 1, 4, 4];
        let points: Vec<(u64, u64)> = (0..).zip(values).collect();
        assert_eq!(sparkline(&points, 3, Style::plain(80)), "▂█▅");
        assert_eq!(sparkline(&points, 99, Style::ascii(80)), "..#.==");
        assert_eq!(
            sparkline(&[(0, 8), (1, 8), (2, 8), (12, 2)], 4, Style::plain(80)),
            "███▃"
        );
        assert_eq!(sparkline(&[], 3, Style::plain(80)), "");
    }
}
