//! The tables of a verdict: lines, functions, threads.

use crate::paint::number::{TimeScale, counted, share};
use crate::paint::{Cell, Column, Page, Table, Tint};
use crate::verdict::{WIDE, WORTH_SHOWING};
use crate::words::word;
use pitstop_analysis::{Doing, Headline, HotFunction, HotLine, ThreadTotals, Verdict};

/// How many rows each table shows at most.
const LINES: usize = 6;
const FUNCTIONS: usize = 5;
const THREADS: usize = 8;

pub(super) fn hot_lines(page: &mut Page, verdict: &Verdict) {
    let worth = verdict
        .lines
        .iter()
        .filter(|line| line.share >= WORTH_SHOWING);
    let mut lines: Vec<&HotLine> = worth.take(LINES).collect();
    if lines.is_empty() {
        return;
    }
    let scale = TimeScale::of(lines[0].own.total_ns());
    if matches!(verdict.headline, Headline::WaitingDominates { .. }) {
        // Where waiting is the matter, code that runs is not what to look at first.
        lines.sort_by_key(|line| !line.mostly_waits());
    }
    let mut table = Table::new([
        Column::number(),
        Column::number(),
        Column::word().on_pages_from(WIDE),
        Column::word(),
        Column::path(12),
        Column::code(8).on_pages_from(50),
    ]);
    table.titles(["time", "share", "", "doing", "line", ""]);
    for line in lines {
        let margin = line.interval.margin() * 100.0;
        // What was not sampled has no margin.
        let margin = if margin < 1e-6 {
            String::new()
        } else {
            format!("± {:.0}", margin.max(1.0).ceil())
        };
        table.row([
            plain_cell(scale.format(line.own.total_ns())),
            plain_cell(share(line.share)),
            (Tint::Quiet, margin),
            doing_cell(line),
            plain_cell(line.place.short()),
            plain_cell(line.place.source.clone().unwrap_or_default()),
        ]);
    }
    table.write(page, 1);
}

pub(super) fn hot_functions(page: &mut Page, verdict: &Verdict) {
    functions(page, "function", &verdict.functions);
}

/// Where all goes through a few calls into libraries: the functions there.
pub(super) fn library_functions(page: &mut Page, verdict: &Verdict) {
    if verdict.library.dominates() {
        functions(page, "in libraries", &verdict.library.functions);
    }
}

fn functions(page: &mut Page, title: &str, functions: &[HotFunction]) {
    let worth = functions.iter().filter(|f| f.share >= WORTH_SHOWING);
    let functions: Vec<_> = worth.take(FUNCTIONS).collect();
    let largest_ns = functions.iter().map(|f| f.total_ns).fold(0.0, f64::max);
    if functions.is_empty() {
        return;
    }
    let scale = TimeScale::of(largest_ns);
    let mut table = Table::new([
        Column::number(),
        Column::number(),
        Column::number(),
        Column::number(),
        Column::code(10),
        Column::path(10).on_pages_from(50),
    ]);
    table.titles(["own", "", "total", "", title, ""]);
    for function in functions {
        table.row([
            plain_cell(scale.format(function.own.total_ns())),
            plain_cell(share(function.share)),
            plain_cell(scale.format(function.total_ns)),
            plain_cell(share(function.total_share)),
            plain_cell(function.place.function.clone()),
            (Tint::Quiet, function.place.short()),
        ]);
    }
    table.write(page, 1);
}

pub(super) fn threads(page: &mut Page, threads: &[ThreadTotals], processes: usize) {
    let busy: Vec<&ThreadTotals> = threads.iter().filter(|t| !t.is_idle()).collect();
    let idle = threads.len() - busy.len();
    if threads.len() < 2 {
        return;
    }
    let largest_ns = busy.iter().map(|t| t.cost.total_ns()).fold(0.0, f64::max);
    let scale = TimeScale::of(largest_ns);
    let mut table = Table::new([
        Column::number(),
        Column::number(),
        Column::number(),
        Column::number(),
        Column::number(),
        // Empty, and so left out, where there is one process.
        Column::number(),
        Column::code(10),
    ]);
    let pid = if processes > 1 { "pid" } else { "" };
    table.titles([
        "alive", "Python", "native", "GIL wait", "waiting", pid, "thread",
    ]);
    for thread in busy.iter().take(THREADS) {
        let pid = match processes {
            0 | 1 => String::new(),
            _ => thread.pid.to_string(),
        };
        let part = |doing| plain_cell(share(thread.cost.part(doing)));
        table.row([
            plain_cell(scale.format(thread.cost.total_ns())),
            part(Doing::Python),
            part(Doing::Native),
            part(Doing::GilWait),
            part(Doing::Waiting),
            plain_cell(pid),
            plain_cell(thread.name.clone()),
        ]);
    }
    table.write(page, 1);
    let mut rest = Vec::new();
    if busy.len() > THREADS {
        rest.push(format!("{} more", busy.len() - THREADS));
    }
    if idle > 0 {
        rest.push(format!(
            "{} that only waited",
            counted(idle as u64, "thread")
        ));
    }
    if !rest.is_empty() {
        let line = page.line().gap(1);
        page.wrapped(line, Tint::Quiet, &format!("and {}", rest.join(", ")));
    }
}

fn plain_cell(text: String) -> Cell {
    (Tint::None, text)
}

fn doing_cell(line: &HotLine) -> Cell {
    let tint = line.own.mostly().map_or(Tint::None, Tint::Doing);
    (tint, word(&line.own, line.waits_for.as_ref()))
}
