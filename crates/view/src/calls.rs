//! The tables of Python's `pstats`, to the byte.
//!
//! People read these tables for decades, and scripts do too: what is printed here for a `.prof`
//! file is what `pstats.Stats(file).sort_stats(..).print_stats(..)` prints (CPython's `Lib/pstats.py`,
//! 3.8 to 3.15), quirks included. Only characters that act on a terminal are shown as `�` instead.
//! The tables are as wide as their names: they are not cut to the terminal.

mod order;
mod python;
mod restriction;

use order::sorted;
use pitstop_analysis::CallTable;
use pitstop_analysis::calls::{Caller, FunctionCalls, Label};
use rustc_hash::FxHashMap;
use std::fmt::Write;

pub use order::{SortKey, UnknownKey};
pub use restriction::{BadRestriction, Restriction};

/// Columns are not made wider than this for a name, so that one name in a forged file does not make
/// every line as long.
const WIDEST: usize = 2000;

/// What to list of a table.
#[derive(Debug, Default)]
pub struct Listing {
    /// What to sort by, most significant first. Empty for the order of the file.
    pub sort: Vec<SortKey>,
    /// Turn that order round.
    pub reverse: bool,
    /// What to leave out: each acts on what the ones before it left.
    pub restrictions: Vec<Restriction>,
}

/// A table, and how many functions it lists.
#[derive(Debug)]
pub struct Listed {
    /// The text.
    pub text: String,
    /// The number of functions in it.
    pub functions: usize,
}

/// The list of functions: `print_stats`. `files` are the lines above, one a file.
pub fn functions(table: &CallTable, files: &[String], listing: &Listing) -> Listed {
    let mut out = String::new();
    for file in files {
        line(&mut out, &harmless(file));
    }
    if !files.is_empty() {
        out.push('\n');
    }
    let indent = " ".repeat(8);
    let mut top: Vec<&FunctionCalls> = table.functions().iter().filter(is_top_level).collect();
    top.sort_by(|one, other| one.label.cmp(&other.label));
    for function in top {
        line(
            &mut out,
            &format!("{indent} {}", harmless(&function.label.name)),
        );
    }
    let _ = write!(out, "{indent} {} function calls ", table.calls);
    if table.calls != table.primitive {
        let _ = write!(out, "({} primitive calls) ", table.primitive);
    }
    let _ = write!(out, "in {} seconds\n\n", python::fixed(table.own_s, 0));
    let (_, chosen) = choose(&mut out, table, listing);
    if !chosen.is_empty() {
        line(&mut out, title(table));
        for function in &chosen {
            line(&mut out, &row(function));
        }
        out.push_str("\n\n");
    }
    Listed {
        functions: chosen.len(),
        text: out,
    }
}

/// Who called each function: `print_callers`.
pub fn callers(table: &CallTable, listing: &Listing) -> Listed {
    edges(table, listing, "was called by...", "<-", |function| {
        function
            .callers
            .iter()
            .map(|(label, cost)| (label, *cost))
            .collect()
    })
}

/// What each function called: `print_callees`.
pub fn callees(table: &CallTable, listing: &Listing) -> Listed {
    let mut all: FxHashMap<&Label, Vec<(&Label, Caller)>> = FxHashMap::default();
    for function in table.functions() {
        for (caller, cost) in &function.callers {
            all.entry(caller)
                .or_default()
                .push((&function.label, *cost));
        }
    }
    edges(table, listing, "called...", "->", |function| {
        all.get(&function.label).cloned().unwrap_or_default()
    })
}

fn edges<'a>(
    table: &'a CallTable,
    listing: &Listing,
    heading: &str,
    arrow: &str,
    of: impl Fn(&'a FunctionCalls) -> Vec<(&'a Label, Caller)>,
) -> Listed {
    let mut out = String::new();
    let (width, chosen) = choose(&mut out, table, listing);
    if !chosen.is_empty() {
        line(&mut out, &(python::left("Function ", width) + heading));
        // The columns have titles if the first caller that there is has times.
        let callers = table
            .functions()
            .iter()
            .flat_map(|function| &function.callers);
        if let Some((_, Caller::Timed { .. })) = callers.into_iter().next() {
            let calls = if table.is_sampled {
                "nsamples"
            } else {
                "ncalls"
            };
            line(
                &mut out,
                &format!("{:width$}    {calls}  tottime  cumtime", ""),
            );
        }
        for function in &chosen {
            edge_lines(&mut out, table, width, function, arrow, of(function));
        }
        out.push_str("\n\n");
    }
    Listed {
        functions: chosen.len(),
        text: out,
    }
}

/// The lines of one function: the first beside its name, the others below it.
fn edge_lines(
    out: &mut String,
    table: &CallTable,
    width: usize,
    function: &FunctionCalls,
    arrow: &str,
    mut others: Vec<(&Label, Caller)>,
) {
    out.push_str(&python::left(&shown(&function.label), width));
    out.push_str(arrow);
    out.push(' ');
    if others.is_empty() {
        out.push('\n');
        return;
    }
    others.sort_by_key(|(one, _)| *one);
    for (index, (label, cost)) in others.into_iter().enumerate() {
        let name = shown(label);
        let indent = usize::from(index > 0);
        let (text, left) = match cost {
            Caller::Timed {
                calls,
                primitive,
                own_s,
                total_s,
            } => {
                let calls = python::right(&counts(calls, primitive), 7 + 2 * indent);
                let (own, total) = (python::fixed(own_s, 8), python::fixed(total_s, 8));
                (format!("{calls} {own} {total}  {name}"), width + 1)
            }
            Caller::Count(calls) => {
                let total = table
                    .get(label)
                    .map(|other| python::fixed(other.total_s, 8));
                let total = total.unwrap_or_default();
                (format!("{name}({calls}) {total}"), width + 3)
            }
        };
        line(out, &format!("{:1$}{text}", "", indent * left));
    }
}

/// The functions to list, with the width of their names plus 2; says how they were chosen.
fn choose<'a>(
    out: &mut String,
    table: &'a CallTable,
    listing: &Listing,
) -> (usize, Vec<&'a FunctionCalls>) {
    let mut said = if listing.sort.is_empty() {
        "   Random listing order was used\n".to_owned()
    } else {
        let names: Vec<&str> = listing.sort.iter().map(|key| key.description()).collect();
        format!("   Ordered by: {}\n", names.join(", "))
    };
    let chosen = restricted(table, listing, |before, after, restriction| {
        let _ = writeln!(
            said,
            "   List reduced from {before} to {after} due to restriction <{restriction}>"
        );
    });
    if chosen.is_empty() {
        return (0, chosen);
    }
    line(out, &said);
    let widest = |functions: &[&FunctionCalls]| {
        let widths = functions.iter().map(|f| python::length(&shown(&f.label)));
        widths.max().unwrap_or(0)
    };
    (widest(&chosen).min(WIDEST) + 2, chosen)
}

/// The functions that a listing lists, in its order.
pub(crate) fn chosen<'a>(table: &'a CallTable, listing: &Listing) -> Vec<&'a FunctionCalls> {
    restricted(table, listing, |_, _, _| {})
}

/// The same; tells of each restriction that left something out how many there were before it, and
/// how many after it.
fn restricted<'a>(
    table: &'a CallTable,
    listing: &Listing,
    mut tell: impl FnMut(usize, usize, &Restriction),
) -> Vec<&'a FunctionCalls> {
    let mut chosen = sorted(table, &listing.sort);
    if listing.reverse {
        chosen.reverse();
    }
    for restriction in &listing.restrictions {
        let before = chosen.len();
        restriction.apply(&mut chosen);
        if chosen.len() != before {
            tell(before, chosen.len(), restriction);
        }
    }
    chosen
}

/// The old `jprofile` marked the functions that it was started with.
fn is_top_level(function: &&FunctionCalls) -> bool {
    let by_profiler =
        |label: &Label| &*label.file == "jprofile" && label.line == 0 && &*label.name == "profiler";
    function.callers.iter().any(|(label, _)| by_profiler(label))
}

fn title(table: &CallTable) -> &'static str {
    if table.is_sampled {
        " nsamples  tottime persample cumtime persample filename:lineno(function)"
    } else {
        "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)"
    }
}

#[expect(clippy::cast_precision_loss, reason = "pstats divides floats too")]
fn row(function: &FunctionCalls) -> String {
    let each = |seconds: f64, calls: u64| match calls {
        0 => " ".repeat(8),
        calls => python::fixed(seconds / calls as f64, 8),
    };
    format!(
        "{} {} {} {} {} {}",
        python::right(&counts(function.calls, function.primitive), 9),
        python::fixed(function.own_s, 8),
        each(function.own_s, function.calls),
        python::fixed(function.total_s, 8),
        each(function.total_s, function.primitive),
        shown(&function.label)
    )
}

/// `6`, or `6/1` where only some of the calls are primitive.
fn counts(calls: u64, primitive: u64) -> String {
    if calls == primitive {
        calls.to_string()
    } else {
        format!("{calls}/{primitive}")
    }
}

fn shown(label: &Label) -> String {
    harmless(&label.to_string())
}

/// The text with as many characters, none of which acts on a terminal.
fn harmless(text: &str) -> String {
    let is_harmless = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if is_harmless(&c) { c } else { '\u{fffd}' })
        .collect()
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
