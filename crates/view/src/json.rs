//! The same answers as JSON, for programs.
//!
//! Every document names its schema: `pitstop/verdict@1`, `pitstop/lines@1`, `pitstop/tree@1`,
//! `pitstop/dump@1`, `pitstop/calls@1`, `pitstop/line-times@1`, `pitstop/evidence@1`,
//! `pitstop/bench@1`, `pitstop/compare@1`, `pitstop/gate@1`, `pitstop/scale@1`,
//! `pitstop/imports@1`, `pitstop/history@1`, `pitstop/proof@1`, `pitstop/fix@1`. Within a number fields are only
//! ever added; readers ignore what they do not know. Times are whole nanoseconds (`_ns`), sizes
//! bytes (`_bytes`), shares fractions of 1. A `share` of a run is of its elapsed time; in a tree it is of the thread's own time.
//!
//! States have the names `python`, `native_gil`, `native_no_gil`, `gil_wait`, `lock`, `blocked`,
//! `sleep`, `gc`, `cpu_wait`, `unknown`. Only those with time are present.

mod calls;
mod dump;
mod evidence;
mod gate;
mod history;
mod imports;
mod latency;
mod line_times;
mod lines;
mod proof;
mod repair;
mod scale;
mod shared;
mod tree;
mod trials;
mod verdict;

pub use calls::calls;
pub use dump::dump;
pub use evidence::evidence;
pub use gate::gate;
pub use history::history;
pub use imports::imports;
pub use latency::latency;
pub use line_times::line_times;
pub use lines::lines;
pub use proof::proof;
pub use repair::repairs;
pub use scale::scale;
pub use tree::tree;
pub use trials::{bench, comparisons};
pub use verdict::verdict;

use serde::Serialize;

/// A document as indented text that ends in a newline.
fn document(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value);
    text.expect("plain structures without maps of other keys than text always serialize") + "\n"
}

#[cfg(test)]
mod tests {
    use crate::calls::{Listing, Restriction, SortKey};
    use crate::cases;
    use pitstop_analysis::{
        CallGraph, CallTable, Elapsed, LinesOptions, TraceSummary, TreeOptions, Verdict,
    };
    use serde_json::Value;

    fn parsed(document: &str) -> Value {
        serde_json::from_str(document).expect("valid JSON")
    }

    fn keys(value: &Value) -> Vec<&str> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn a_verdict_has_what_its_picture_shows() {
        let verdict = parsed(&super::verdict(&Verdict::of(&cases::slow_report())));
        assert_eq!(
            keys(&verdict),
            [
                "cpu",
                "findings",
                "functions",
                "headline",
                "library",
                "lines",
                "memory",
                "next",
                "notes",
                "quality",
                "run",
                "schema",
                "split",
                "threads",
                "tool",
                "waits"
            ]
        );
        assert_eq!(verdict["run"]["argv"][1], "40000");
        assert_eq!(verdict["run"]["exit"], 0);
        assert_eq!(verdict["run"]["signal"], Value::Null);
        assert_eq!(verdict["headline"]["kind"], "one_line_dominates");
        assert_eq!(verdict["split"]["by_state_ns"]["sleep"], 551_000_000);
        assert_eq!(verdict["split"]["startup_ns"], 150_000_000);
        let line = &verdict["lines"][0];
        assert_eq!(
            keys(line),
            [
                "file",
                "function",
                "inside",
                "kind",
                "line",
                "own",
                "path",
                "share",
                "share_high",
                "share_low",
                "source",
                "total_ns",
                "waits_for"
            ]
        );
        assert_eq!(line["own"]["by_state_ns"]["python"], 1_115_000_000);
        assert_eq!(line["own"]["samples"], 1123);
        assert_eq!(verdict["quality"]["lost"], 0);
    }

    #[test]
    fn lines_trees_and_dumps_have_what_their_pictures_show() {
        let profile = cases::slow_report();
        let elapsed = Elapsed::of(&profile);
        let table = pitstop_analysis::lines::lines(&profile, &elapsed, &LinesOptions::default());
        let lines = parsed(&super::lines(&table));
        let rows = lines["files"][0]["rows"].as_array().expect("rows");
        let hottest = rows.iter().find(|row| row["hottest"] == true).expect("one");
        assert_eq!(hottest["line"], 20);
        assert_eq!(hottest["text"], "        if r[\"id\"] not in seen:");

        let tree = pitstop_analysis::tree::tree(&profile, &TreeOptions::default());
        let tree = parsed(&super::tree(&tree));
        let node = &tree["threads"][0]["nodes"][1];
        assert_eq!(node["parent"], 0);
        assert_eq!(node["function"]["function"], "main");

        let traced = cases::traced();
        let calls = CallTable::from(&CallGraph::of(&traced, None));
        let listing = Listing {
            sort: vec![SortKey::Calls],
            reverse: false,
            restrictions: vec![Restriction::First(2)],
        };
        let summary = TraceSummary::of(&traced);
        let calls = parsed(&super::calls(&calls, &listing, Some(&summary)));
        assert_eq!(calls["functions"].as_array().expect("a list").len(), 2);
        assert_eq!(calls["functions_total"], 6);
        let len = &calls["functions"][0];
        assert_eq!(
            keys(len),
            [
                "callers",
                "calls",
                "cumulative_ns",
                "file",
                "line",
                "name",
                "own_ns",
                "primitive_calls"
            ]
        );
        assert_eq!(len["calls"], 80_012);
        assert_eq!(len["callers"][0]["own_ns"], 160_000_000);
        assert_eq!(calls["trace"]["resumptions"], 1000);
        assert_eq!(calls["trace"]["lost_calls"], 12_345);

        let dump = parsed(&super::dump(&cases::stuck()));
        assert_eq!(dump["threads"][0]["holds_gil"], true);
        assert_eq!(
            dump["threads"][0]["frames"][0]["locals"]["seen"],
            "[1, 2, 3, 5, 8, 13, ...]"
        );
        assert_eq!(dump["threads"][1]["wait"]["fd"], 5);
        assert_eq!(dump["threads"][2]["verdict"], "failed");
    }
}
