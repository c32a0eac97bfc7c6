//! `pitstop/lines@1`.

use super::document;
use super::shared::{CostJson, ShareJson, WaitJson, ns};
use pitstop_analysis::LineTable;
use pitstop_analysis::lines::{FileLines, LineCost, LineRow};
use pitstop_model::SourceOrigin;
use serde::Serialize;

#[derive(Serialize)]
struct LinesJson<'a> {
    schema: &'static str,
    elapsed_ns: u64,
    sample_ns: u64,
    functions: usize,
    lines_shown: usize,
    lines: usize,
    unmatched: &'a [String],
    files: Vec<FileJson<'a>>,
}

/// The table of lines.
pub fn lines(table: &LineTable) -> String {
    document(&LinesJson {
        schema: "pitstop/lines@1",
        elapsed_ns: ns(table.whole_ns),
        sample_ns: ns(table.sample_ns),
        functions: table.functions,
        lines_shown: table.shown,
        lines: table.lines,
        unmatched: &table.unmatched,
        files: table.files.iter().map(file).collect(),
    })
}

#[derive(Serialize)]
struct FileJson<'a> {
    file: &'a str,
    path: &'a str,
    /// Where the text is from; null if it was not captured.
    origin: Option<&'static str>,
    rows: Vec<RowJson<'a>>,
}

fn file(file: &FileLines) -> FileJson<'_> {
    FileJson {
        file: &file.file,
        path: &file.path,
        origin: file.origin.map(|origin| match origin {
            SourceOrigin::Disk => "disk",
            SourceOrigin::Linecache => "linecache",
            SourceOrigin::Zip => "zip",
            SourceOrigin::CommandLine => "command_line",
            SourceOrigin::DiskChanged => "disk_changed",
        }),
        rows: file.rows.iter().map(row).collect(),
    }
}

#[derive(Serialize)]
struct RowJson<'a> {
    line: u32,
    text: Option<&'a str>,
    hottest: bool,
    cost: Option<LineCostJson<'a>>,
}

fn row(row: &LineRow) -> RowJson<'_> {
    RowJson {
        line: row.number,
        text: row.text.as_deref(),
        hottest: row.hottest,
        cost: row.cost.as_ref().map(cost),
    }
}

#[derive(Serialize)]
struct LineCostJson<'a> {
    own: CostJson,
    total_ns: u64,
    #[serde(flatten)]
    share: ShareJson,
    total_share: f64,
    waits_for: Option<WaitJson<'a>>,
}

fn cost(cost: &LineCost) -> LineCostJson<'_> {
    LineCostJson {
        own: (&cost.own).into(),
        total_ns: ns(cost.total_ns),
        share: ShareJson::new(cost.share, cost.interval),
        total_share: cost.total_share,
        waits_for: cost.waits_for.as_ref().map(Into::into),
    }
}
