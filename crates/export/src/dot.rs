//! A picture of who calls whom, for Graphviz: `dot -Tsvg calls.dot -o calls.svg`.
//!
//! A box is a function: its name, the share of the time in it and all it called, that of its own,
//! and how often it was called. An arrow is a caller's share and count. Colour goes with the share
//! of the whole, from blue to red. What has less than half a percent of the time is left out, arrows
//! below a tenth of a percent too, because the rest would bury the picture; a note says how many.
//! Some functions are shown in any case, with all arrows between them.

use crate::Options;
use crate::amount::{counted, duration, share};
use crate::graph::Graph;
use crate::names::clean;
use pitstop_analysis::calls::TracedFunction;
use pitstop_model::Profile;
use std::io::{self, Write};

/// Functions with a smaller share of the time are left out.
const LEAST_FUNCTION: f64 = 0.005;
/// Arrows with a smaller share of the time are left out.
const LEAST_ARROW: f64 = 0.001;
/// So many of the costliest are shown in any case: in a flat profile nothing has half a percent.
const FEWEST_FUNCTIONS: usize = 20;
/// The most functions in a picture; Graphviz needs minutes for more.
const MOST_FUNCTIONS: usize = 500;

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    write_graph(&Graph::of(profile, options), out)
}

pub(crate) fn write_graph(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    let functions = &graph.calls.functions;
    let names = graph.names();
    let part = |ns: u64| part(ns, graph.total_ns);
    let mut shown: Vec<usize> = (0..functions.len()).collect();
    shown.sort_by_key(|&index| (u64::MAX - functions[index].cumulative_ns, index));
    let large =
        shown.partition_point(|&index| part(functions[index].cumulative_ns) >= LEAST_FUNCTION);
    shown.truncate(large.clamp(FEWEST_FUNCTIONS, MOST_FUNCTIONS));
    shown.sort_unstable();
    let mut arrows = Vec::new();
    let mut all_arrows = 0;
    for (index, function) in functions.iter().enumerate() {
        all_arrows += function.callers.len();
        if shown.binary_search(&index).is_err() {
            continue;
        }
        for (caller, edge) in &function.callers {
            let is_large = part(edge.cumulative_ns) >= LEAST_ARROW || large < FEWEST_FUNCTIONS;
            if is_large && shown.binary_search(caller).is_ok() {
                arrows.push((*caller, index, edge));
            }
        }
    }
    writeln!(out, "digraph {} {{", quote(&graph.title))?;
    writeln!(
        out,
        "  graph [fontname=\"Helvetica, Arial, sans-serif\", nodesep=0.15, ranksep=0.3, labelloc=t, label={}];",
        quote_lines(&note(
            graph,
            functions.len() - shown.len(),
            all_arrows - arrows.len()
        ))
    )?;
    writeln!(
        out,
        "  node [fontname=\"Helvetica, Arial, sans-serif\", fontsize=10, shape=box, style=\"filled,rounded\", penwidth=0, margin=\"0.12,0.06\"];"
    )?;
    writeln!(
        out,
        "  edge [fontname=\"Helvetica, Arial, sans-serif\", fontsize=9];"
    )?;
    for &index in &shown {
        let function = &functions[index];
        let (fill, text) = colours(part(function.cumulative_ns));
        writeln!(
            out,
            "  f{index} [label={}, fillcolor=\"{fill}\", fontcolor=\"{text}\", tooltip={}];",
            quote_lines(&label(graph, function, &names[index])),
            quote(&clean(&function.label.to_string()))
        )?;
    }
    for (caller, index, edge) in arrows {
        let weight = part(edge.cumulative_ns);
        let (line, _) = colours(weight);
        let label = [
            share(edge.cumulative_ns, graph.total_ns),
            format!("{}×", crate::amount::count(edge.calls)),
        ];
        writeln!(
            out,
            "  f{caller} -> f{index} [label={}, color=\"{line}\", penwidth={:.1}, weight={}];",
            quote_lines(&label),
            (weight * 6.0).max(0.5),
            whole(weight * 100.0).max(1)
        )?;
    }
    writeln!(out, "}}")
}

/// The lines of the heading.
fn note(graph: &Graph, functions: usize, arrows: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  ·  {} in all functions",
        graph.title,
        duration(graph.total_ns)
    )];
    if functions + arrows > 0 {
        lines.push(format!(
            "left out: {} with least time, {}",
            counted(functions as u64, "function", "functions"),
            counted(arrows as u64, "arrow", "arrows")
        ));
    }
    if graph.lost > 0 {
        lines.push(format!(
            "{} found no room",
            counted(graph.lost, "call", "calls")
        ));
    }
    lines
}

fn label(graph: &Graph, function: &TracedFunction, name: &str) -> Vec<String> {
    let total = share(function.cumulative_ns, graph.total_ns);
    let own = share(function.cost.self_ns, graph.total_ns);
    let calls = crate::amount::count(function.calls());
    let place = if function.is_native() {
        String::new()
    } else {
        clean(&format!("{}:{}", function.short_file, function.label.line))
    };
    let calls = match (
        graph.calls.is_sampled,
        function.calls() == function.primitive,
    ) {
        (true, _) => counted(function.calls(), "sample", "samples"),
        (false, true) => format!("{calls}×"),
        (false, false) => format!("{calls}×, recursive"),
    };
    [name.to_owned(), place, total, format!("own {own}"), calls]
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share for a colour")]
fn part(ns: u64, total_ns: u64) -> f64 {
    if total_ns == 0 {
        // Nothing took measurable time: counts are all there is to show.
        return 1.0;
    }
    ns as f64 / total_ns as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few hundred at most"
)]
fn whole(number: f64) -> u32 {
    number.round() as u32
}

/// The colour of a share (0 to 1) and the colour of text on it, as Graphviz' hue, saturation and
/// value. Blue is cold; most functions have small shares, so the scale is that of the root.
fn colours(share: f64) -> (String, &'static str) {
    let heat = share.clamp(0.0, 1.0).sqrt();
    let hue = (1.0 - heat) * 0.62;
    let value = 0.55 + 0.3 * heat;
    (format!("{hue:.3} 0.750 {value:.3}"), "#ffffff")
}

/// A string of the dot language.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Lines of one label, each quoted by itself so that a backslash in a name stays one.
fn quote_lines(lines: &[String]) -> String {
    let escaped = lines
        .iter()
        .map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}
