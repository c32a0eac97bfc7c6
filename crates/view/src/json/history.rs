//! `pitstop/history@1`.

use super::document;
use pitstop_analysis::history::History;
use serde::Serialize;

#[derive(Serialize)]
struct HistoriesJson<'a> {
    schema: &'static str,
    benchmarks: Vec<HistoryJson<'a>>,
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    name: &'a str,
    variant: &'a str,
    needed: Option<usize>,
    worse: bool,
    changes: Vec<ChangeJson<'a>>,
    results: Vec<PointJson<'a>>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    at: usize,
    result: &'a str,
    unix_s: u64,
    before_ns: f64,
    after_ns: f64,
    ratio: f64,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    probability: f64,
}

#[derive(Serialize)]
struct PointJson<'a> {
    result: &'a str,
    unix_s: u64,
    median_ns: f64,
    processes: usize,
}

fn one(history: &History) -> HistoryJson<'_> {
    let points = &history.points;
    let changes = history.changes.iter().map(|change| ChangeJson {
        at: change.at,
        result: &points[change.at].label,
        unix_s: points[change.at].unix_s,
        before_ns: change.before_ns,
        after_ns: change.after_ns,
        ratio: change.ratio,
        ratio_low: change.interval.map(|interval| interval.low),
        ratio_high: change.interval.map(|interval| interval.high),
        probability: change.probability,
    });
    let results = points.iter().map(|point| PointJson {
        result: &point.label,
        unix_s: point.unix_s,
        median_ns: point.ns,
        processes: point.processes,
    });
    HistoryJson {
        name: &history.name,
        variant: &history.variant,
        needed: history.needed,
        worse: history.is_worse(),
        changes: changes.collect(),
        results: results.collect(),
    }
}

/// Histories as JSON. `at` is a position in `results`.
pub fn history(histories: &[History]) -> String {
    document(&HistoriesJson {
        schema: "pitstop/history@1",
        benchmarks: histories.iter().map(one).collect(),
    })
}
