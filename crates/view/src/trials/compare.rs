//! The picture of a comparison, and of a suite of them.

use super::{amount, change, clock, noise, percent, range, title, verdict_tint};
use crate::paint::{Cell, Column, Page, Style, Table, Tint, number};
use pitstop_analysis::trials::{Compared, Comparison, Noise, Refusal, Verdict};
use pitstop_model::Room;

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders one comparison.
pub fn render(comparison: &Comparison<'_>, room: &Noise, times: &Room, style: &Style) -> String {
    let mut page = Page::new(*style);
    headline(&mut page, comparison, *style);
    sides(&mut page, comparison);
    facts(&mut page, comparison, times, *style);
    for (at, sentence) in noise::sentences(room).iter().enumerate() {
        fact(&mut page, if at == 0 { "noise" } else { "" }, sentence);
    }
    if comparison.verdict == Verdict::Inconclusive {
        fact(&mut page, "needed", &needed(comparison, room, times));
    }
    page.finish()
}

fn headline(page: &mut Page, comparison: &Comparison<'_>, style: Style) {
    let tint = verdict_tint(comparison.verdict);
    let least = percent(comparison.question.least);
    let is_time = comparison.sides[0].benchmark.unit.is_empty();
    let word = match comparison.verdict {
        Verdict::Faster if !is_time => "B is less".to_owned(),
        Verdict::Slower if !is_time => "B is more".to_owned(),
        Verdict::Faster => "B is faster".to_owned(),
        Verdict::Slower => "B is slower".to_owned(),
        Verdict::Equivalent if style.unicode => format!("equivalent within ±{least}"),
        Verdict::Equivalent => format!("equivalent within +-{least}"),
        Verdict::Inconclusive => "inconclusive".to_owned(),
    };
    let mut line = page.line().gap(1).tinted(tint, &word).gap(2);
    line = line.tinted(Tint::Strong, &change(comparison.ratio));
    if let Some(interval) = comparison.interval {
        let ends = range(&change(interval.low), &change(interval.high), style);
        let sure = 1.0 - comparison.question.alpha;
        line = line
            .gap(2)
            .put(&ends)
            .put(&format!(" at {}", percent(sure)));
    }
    page.push(line);
}

fn sides(page: &mut Page, comparison: &Comparison<'_>) {
    let mut table = Table::new([
        Column::word(),
        Column::code(12),
        Column::number(),
        Column::number(),
        Column::code(8).on_pages_from(72),
    ]);
    for (letter, side) in ["A", "B"].into_iter().zip(&comparison.sides) {
        let memory = side.peak_rss_bytes.map_or(String::new(), number::bytes);
        let benchmark = side.benchmark;
        let mut about = vec![benchmark.variant.as_str(), benchmark.python.as_str()];
        about.retain(|text| !text.is_empty());
        table.row([
            (Tint::Strong, letter.to_owned()),
            (Tint::None, title(&benchmark.name)),
            (Tint::None, amount(side.time.median, &benchmark.unit)),
            (Tint::Quiet, memory),
            (Tint::Quiet, about.join(" ")),
        ]);
    }
    table.write(page, 1);
}

fn facts(page: &mut Page, comparison: &Comparison<'_>, times: &Room, style: Style) {
    let dot = if style.unicode { " · " } else { ", " };
    let seconds = times.duration_ns as f64 / 1e9;
    let mut how = match comparison.compared {
        Compared::Pairs => vec![
            format!(
                "{} of processes",
                number::counted(comparison.pairs as u64, "pair")
            ),
            format!("{seconds:.1} s"),
            clock(comparison.clock).to_owned(),
            format!("pairs scatter by {}", percent(comparison.spread)),
        ],
        Compared::Processes => {
            let [one, other] = comparison.sides.each_ref().map(|side| side.processes);
            let mut how = vec![
                format!("{one} and {other} processes, measured apart"),
                clock(comparison.clock).to_owned(),
            ];
            how.extend(comparison.probability.map(|p| format!("p = {}", Short(p))));
            how
        }
    };
    if let Some(wall) = comparison.wall_ratio {
        let word = change(wall);
        let opposite = (wall - 1.0) * (comparison.ratio - 1.0) < 0.0;
        let large = (wall - 1.0).abs() > 2.0 * comparison.question.least;
        if opposite && large {
            how.push(format!("elapsed time says otherwise: {word}"));
        }
    }
    fact(page, "measured", &how.join(dot));
    let moved: Vec<String> = comparison
        .shifts
        .iter()
        .map(|shift| {
            let name = format!("p{:.0}", shift.percentile * 100.0);
            let ends = shift.interval.map_or(String::new(), |interval| {
                let (low, high) = (interval.low.exp(), interval.high.exp());
                format!(" {}", range(&change(low), &change(high), style))
            });
            format!("{name} {}{ends}", change(shift.estimate.exp()))
        })
        .collect();
    if !moved.is_empty() {
        fact(page, "shift", &moved.join(dot));
    }
    if let [Some(one), Some(other)] = comparison.sides.each_ref().map(|side| side.peak_rss_bytes) {
        let ratio = other as f64 / one as f64;
        if (ratio - 1.0).abs() >= 0.02 {
            fact(page, "memory", &format!("peak {}", change(ratio)));
        }
    }
    if let Some(refusal) = comparison.refusal {
        fact(page, "refused", refused(refusal));
    }
    if comparison.compared == Compared::Pairs && comparison.pairs >= 12 {
        let drift = comparison.drift;
        if drift.abs() > 0.75 {
            fact(
                page,
                "drift",
                "the difference moved steadily while it was measured",
            );
        }
    }
}

/// A probability in two digits, however small.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 < 0.001 {
            write!(f, "{:.1e}", self.0)
        } else {
            write!(f, "{:.3}", self.0)
        }
    }
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::OneProcess => {
            "no verdict: all values come from one process, and another process of the same program \
             can be several per cent faster or slower"
        }
        Refusal::UnknownProcesses => {
            "no verdict: the file does not say which values come from which process"
        }
        Refusal::TooFew => "no verdict: with so few processes nothing could ever be significant",
    }
}

fn needed(comparison: &Comparison<'_>, room: &Noise, times: &Room) -> String {
    if comparison.refusal.is_some() {
        return "measure both sides again, live: pitstop compare A B".to_owned();
    }
    if comparison.compared == Compared::Processes {
        return "more processes on both sides, or both sides live, in pairs: pitstop compare A B"
            .to_owned();
    }
    let mut parts = Vec::new();
    if let Some(more) = comparison.more_pairs {
        let pairs = comparison.pairs.max(1) as f64;
        let each = times.duration_ns as f64 / 1e9 / pairs;
        parts.push(format!(
            "about {} more: --time {:.0}s",
            number::counted(more as u64, "pair"),
            (times.duration_ns as f64 / 1e9 + each * more as f64 * 1.2).ceil()
        ));
    } else {
        parts.push("more pairs: --time 60s".to_owned());
    }
    if let Some(interval) = comparison.interval {
        parts.push(format!(
            "changes below {} could not be seen",
            percent(interval.margin())
        ));
    }
    parts.extend(noise::advice(room).map(str::to_owned));
    parts.join("; ")
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

/// Renders several comparisons as a table, with what is in only one of the files.
pub fn suite(comparisons: &[Comparison<'_>], unmatched: &[String], style: &Style) -> String {
    let mut page = Page::new(*style);
    let mut table = Table::new([
        Column::word(),
        Column::number(),
        Column::number().on_pages_from(80),
        Column::number(),
        Column::number(),
        Column::code(10),
    ]);
    table.titles(["verdict", "change", "range", "A", "B", "benchmark"]);
    for comparison in comparisons {
        let cell = |text: String| -> Cell { (Tint::None, text) };
        let ends = comparison.interval.map_or(String::new(), |interval| {
            range(&change(interval.low), &change(interval.high), *style)
        });
        let of_side = |at: usize| {
            let side = &comparison.sides[at];
            amount(side.time.median, &side.benchmark.unit)
        };
        table.row([
            (
                verdict_tint(comparison.verdict),
                comparison.verdict.key().to_owned(),
            ),
            cell(change(comparison.ratio)),
            (Tint::Quiet, ends),
            cell(of_side(0)),
            cell(of_side(1)),
            cell(title(&comparison.sides[0].benchmark.name)),
        ]);
    }
    table.write(&mut page, 1);
    if comparisons.len() > 1 {
        let logs = comparisons.iter().map(|comparison| comparison.ratio.ln());
        let mean = (logs.sum::<f64>() / comparisons.len() as f64).exp();
        fact(
            &mut page,
            "all",
            &format!("geometric mean {}", change(mean)),
        );
    }
    let mut refusals: Vec<Refusal> = Vec::new();
    for refusal in comparisons
        .iter()
        .filter_map(|comparison| comparison.refusal)
    {
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    }
    for refusal in refusals {
        fact(&mut page, "refused", refused(refusal));
    }
    let apart = comparisons.iter().any(|comparison| {
        comparison.refusal.is_none() && comparison.compared == Compared::Processes
    });
    if apart {
        let text = "the sides were measured apart: what changed on the machine in between counts as \
                    theirs";
        fact(&mut page, "beware", text);
    }
    if !unmatched.is_empty() {
        let names = unmatched.iter().map(|name| title(name)).collect::<Vec<_>>();
        fact(&mut page, "only once", &names.join(", "));
    }
    page.finish()
}
