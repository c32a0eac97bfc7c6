//! The picture of histories: a line of blocks, and the changes in it.

use crate::paint::{Column, Page, Style, Table, Tint, number};
use crate::trials::{change, range, time, title};
use pitstop_analysis::history::{Change, History};
use pitstop_model::Date;

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders histories.
pub fn render(histories: &[History], style: &Style) -> String {
    let mut page = Page::new(*style);
    for history in histories {
        page.blank();
        one(&mut page, history, *style);
    }
    page.finish()
}

fn one(page: &mut Page, history: &History, style: Style) {
    let mut name = title(&history.name);
    if !history.variant.is_empty() {
        name = format!("{name}  ({})", history.variant);
    }
    let line = page.line().gap(1).tinted(Tint::Strong, &name);
    page.push(line);
    let dot = if style.unicode { " · " } else { ", " };
    let ends = history.points.first().zip(history.points.last());
    let dates = ends.map_or(String::new(), |(first, last)| {
        range(
            &Date::of_unix(first.unix_s).to_string(),
            &Date::of_unix(last.unix_s).to_string(),
            style,
        )
    });
    let count = number::counted(history.points.len() as u64, "result");
    let last = ends.map_or(String::new(), |(_, last)| format!("now {}", time(last.ns)));
    fact(page, "from", &[count, dates, last].join(dot));
    let line = page.line().gap(1).tinted(Tint::Quiet, "levels").to(FACTS);
    let blocks = blocks(history, line.room(), style);
    page.push(line.put(&blocks));
    if let Some(needed) = history.needed {
        let text = format!(
            "too few results to find any: it takes {needed}, or fewer with a larger --error"
        );
        fact(page, "changes", &text);
        return;
    }
    if history.changes.is_empty() {
        fact(
            page,
            "changes",
            "none: what there is could be scatter, or is too small to matter",
        );
        return;
    }
    let mut table = Table::new([
        Column::number(),
        Column::number().on_pages_from(70),
        Column::number(),
        Column::word().on_pages_from(76),
        Column::code(8),
    ]);
    table.titles(["change", "at 95 %", "to", "since", "result"]);
    for known in &history.changes {
        table.row(row(known, history, style));
    }
    table.write(page, 1);
}

fn row(known: &Change, history: &History, style: Style) -> [(Tint, String); 5] {
    let tint = if known.ratio > 1.0 {
        Tint::Worse
    } else {
        Tint::Better
    };
    let ends = known.interval.map_or(String::new(), |interval| {
        range(&change(interval.low), &change(interval.high), style)
    });
    let point = &history.points[known.at];
    [
        (tint, change(known.ratio)),
        (Tint::Quiet, ends),
        (Tint::None, time(known.after_ns)),
        (Tint::Quiet, Date::of_unix(point.unix_s).to_string()),
        (Tint::None, point.label.clone()),
    ]
}

/// A block a result, as high as it is long; the latest ones where there is no room for all.
fn blocks(history: &History, room: usize, style: Style) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 5] = ['_', '.', '-', '=', '#'];
    let heights: &[char] = if style.unicode { &HEIGHTS } else { &ASCII };
    let from = history.points.len().saturating_sub(room.max(1));
    let shown = &history.points[from..];
    let logs: Vec<f64> = shown.iter().map(|point| point.ns.ln()).collect();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Scatter of a per cent is no mountain.
    let span = (high - low).max(0.04);
    let block = |log: &f64| {
        let share = ((log - low) / span).clamp(0.0, 1.0);
        heights[(share * (heights.len() - 1) as f64).round() as usize]
    };
    logs.iter().map(block).collect()
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::history::Point;
    use pitstop_stats::Interval;

    fn history() -> History {
        let points = (0..12u32).map(|at| Point {
            label: format!("r{at}"),
            unix_s: 1_790_000_000 + u64::from(at) * 86_400,
            ns: if at < 6 { 1000.0 } else { 1300.0 },
            processes: 5,
        });
        History {
            name: "app:work".into(),
            variant: String::new(),
            points: points.collect(),
            changes: vec![Change {
                at: 6,
                before_ns: 1000.0,
                after_ns: 1300.0,
                ratio: 1.3,
                interval: Some(Interval {
                    low: 1.28,
                    high: 1.32,
                }),
                probability: 0.001,
            }],
            needed: None,
        }
    }

    #[test]
    fn a_history_shows_its_levels_and_changes() {
        let text = render(&[history()], &Style::plain(80));
        for words in ["▁▁▁▁▁▁██████", "+30 %", "[+28 % … +32 %]", "r6", "1.300 µs"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert!(render(&[history()], &Style::ascii(40)).is_ascii());
        let few = History {
            needed: Some(20),
            changes: Vec::new(),
            ..history()
        };
        assert!(render(&[few], &Style::plain(80)).contains("it takes 20"));
    }
}
