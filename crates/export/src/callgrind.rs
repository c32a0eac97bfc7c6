//! The file of callgrind, which KCachegrind, QCachegrind and `callgrind_annotate` read.
//!
//! Written from "Callgrind Format Specification" in valgrind's manual. Costs are nanoseconds. The
//! lines of calls are the lines that made them, which makes the source view of KCachegrind useful;
//! the own time of a traced function, whose lines are not timed, lies at its `def`. What readers
//! stumble over is left out: `callgrind_annotate` calls an `event:` line malformed, and speedscope
//! and others read the totals from `summary:`, so `totals:` is written too, at the end, as valgrind
//! does. A call without Python code has the file `~`.

use crate::Options;
use crate::graph::Graph;
use crate::names::clean;
use pitstop_analysis::calls::TracedFunction;
use pitstop_model::Profile;
use rustc_hash::FxHashMap;
use std::io::{self, Write};

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    write_graph(&Graph::of(profile, options), out)
}

pub(crate) fn write_graph(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    let creator = format!("pitstop {}", graph.tool_version);
    writeln!(out, "# callgrind format")?;
    writeln!(out, "version: 1")?;
    writeln!(out, "creator: {}", creator.trim_end())?;
    writeln!(out, "cmd: {}", graph.title)?;
    writeln!(out, "part: 1")?;
    writeln!(out, "desc: Counts: {}", graph.unit())?;
    if graph.lost > 0 {
        writeln!(out, "desc: Lost: {} calls found no room", graph.lost)?;
    }
    writeln!(out, "positions: line")?;
    writeln!(out, "events: ns")?;
    writeln!(out, "summary: {}", graph.total_ns)?;
    let names = graph.names();
    let functions = &graph.calls.functions;
    let mut callees: Vec<Vec<(usize, usize)>> = vec![Vec::new(); functions.len()];
    for (index, function) in functions.iter().enumerate() {
        for (position, (caller, _)) in function.callers.iter().enumerate() {
            callees[*caller].push((index, position));
        }
    }
    let mut files = Numbers::default();
    let mut called = Numbers::default();
    for (index, function) in functions.iter().enumerate() {
        writeln!(out, "\nfl={}", files.name(&file_of(function)))?;
        writeln!(out, "fn={}", called.name_of(index, &names[index]))?;
        let def = function.label.line.max(0);
        let mut own: Vec<(i64, u64)> = Vec::new();
        for &(line, ns) in &function.lines {
            own.push((if line == 0 { def } else { line.into() }, ns));
        }
        own.sort_unstable();
        for (line, ns) in own {
            writeln!(out, "{line} {ns}")?;
        }
        if function.lines.is_empty() {
            writeln!(out, "{def} 0")?;
        }
        for &(callee, position) in &callees[index] {
            let target = &functions[callee];
            for (line, site) in &target.callers[position].1.sites {
                // As valgrind does; callgrind_annotate otherwise takes a file below the working
                // directory, which it names in two ways, for two.
                if target.label.file != function.label.file {
                    writeln!(out, "cfl={}", files.name(&file_of(target)))?;
                }
                writeln!(out, "cfn={}", called.name_of(callee, &names[callee]))?;
                writeln!(out, "calls={} {}", site.calls, target.label.line.max(0))?;
                let line = if *line == 0 { def } else { i64::from(*line) };
                writeln!(out, "{line} {}", site.cumulative_ns)?;
            }
        }
    }
    writeln!(out, "\ntotals: {}", graph.total_ns)
}

fn file_of(function: &TracedFunction) -> String {
    match clean(&function.label.file).trim() {
        "" => "???".to_owned(),
        file => file.to_owned(),
    }
}

/// Names are written once, `(1) name`, and are `(1)` from then on.
#[derive(Default)]
struct Numbers {
    files: FxHashMap<String, usize>,
    functions: FxHashMap<usize, usize>,
}

impl Numbers {
    fn name(&mut self, name: &str) -> String {
        let next = self.files.len() + 1;
        match self.files.get(name) {
            Some(number) => format!("({number})"),
            None => {
                self.files.insert(name.to_owned(), next);
                format!("({next}) {name}")
            }
        }
    }

    /// By number and not by name: names of functions repeat in other files.
    fn name_of(&mut self, function: usize, name: &str) -> String {
        let next = self.functions.len() + 1;
        match self.functions.get(&function) {
            Some(number) => format!("({number})"),
            None => {
                self.functions.insert(function, next);
                let name = if name.trim().is_empty() { "???" } else { name };
                format!("({next}) {name}")
            }
        }
    }
}
