//! `pitstop/line-times@1`.

use super::document;
use super::shared::ns;
use pitstop_analysis::{FunctionLines, LineStats, LineTime, Listing};
use serde::Serialize;

#[derive(Serialize)]
struct LineTimesJson<'a> {
    schema: &'static str,
    functions: Vec<FunctionJson<'a>>,
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    path: &'a str,
    line: u32,
    function: &'a str,
    /// Null where only lines were counted.
    calls: Option<u64>,
    time_ns: u64,
    lines: Vec<LineJson<'a>>,
}

#[derive(Serialize)]
struct LineJson<'a> {
    line: u32,
    /// Null where the source is not known.
    text: Option<&'a str>,
    hits: u64,
    time_ns: u64,
    /// Null where the file does not say.
    own_ns: Option<u64>,
    /// Likewise.
    waited_ns: Option<u64>,
}

/// Exact times by line. `listings` are those of the functions, in their order.
pub fn line_times(stats: &LineStats, listings: &[Listing]) -> String {
    let scale = stats.unit_s * 1e9;
    let functions = stats.functions.iter().zip(listings);
    document(&LineTimesJson {
        schema: "pitstop/line-times@1",
        functions: functions
            .map(|(function, listing)| of_function(function, listing, scale))
            .collect(),
    })
}

fn of_function<'a>(
    function: &'a FunctionLines,
    listing: &'a Listing,
    scale: f64,
) -> FunctionJson<'a> {
    let line = |line: &LineTime| {
        let at = line.line.checked_sub(function.first_line);
        let at = at.and_then(|at| usize::try_from(at).ok());
        let text = at.and_then(|at| listing.lines.get(at));
        let time_ns = |time: u64| ns(time as f64 * scale);
        LineJson {
            line: line.line,
            text: text.filter(|_| listing.found).map(String::as_str),
            hits: line.hits,
            time_ns: time_ns(line.time),
            own_ns: line.more.map(|more| time_ns(more.own)),
            waited_ns: line.more.map(|more| time_ns(more.waited)),
        }
    };
    FunctionJson {
        path: &function.file,
        line: function.first_line,
        function: &function.name,
        calls: function.calls,
        time_ns: ns(function.time() as f64 * scale),
        lines: function.lines.iter().map(line).collect(),
    }
}
