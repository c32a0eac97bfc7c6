//! The graph of calls that callgrind and dot files are written from, with what is said about it.

use crate::Options;
use crate::names::{clean, title};
use pitstop_analysis::calls::TracedFunction;
use pitstop_analysis::{CallGraph, CallTable};
use pitstop_model::Profile;
use rustc_hash::FxHashMap;

/// A graph to write.
pub(crate) struct Graph {
    pub(crate) calls: CallGraph,
    /// What ran.
    pub(crate) title: String,
    /// The version of pitstop that made it; empty when it was not ours.
    pub(crate) tool_version: String,
    /// Own time of all functions, in nanoseconds.
    pub(crate) total_ns: u64,
    /// Calls that were made but are not in it.
    pub(crate) lost: u64,
}

impl Graph {
    /// The traced calls of a profile, or else its samples.
    pub(crate) fn of(profile: &Profile, options: &Options) -> Self {
        let calls = if profile.calls.is_empty() {
            CallGraph::of_samples(profile, |row| options.selection.keeps(row.state))
        } else {
            CallGraph::of(profile, None)
        };
        Self {
            total_ns: calls.total_ns(),
            calls,
            title: title(profile, options.title.as_deref()),
            tool_version: profile.meta.tool_version.clone(),
            lost: profile.calls.lost,
        }
    }

    /// What `cProfile` counted.
    pub(crate) fn of_table(table: &CallTable) -> Self {
        let calls = CallGraph::from(table);
        Self {
            total_ns: calls.total_ns(),
            calls,
            title: "profile".to_owned(),
            tool_version: String::new(),
            lost: 0,
        }
    }

    /// `call` or `sample`, in the plural.
    pub(crate) fn unit(&self) -> &'static str {
        if self.calls.is_sampled {
            "samples"
        } else {
            "calls"
        }
    }

    /// A name for each function that no other function of its file has: the qualified name, and
    /// where two have that, the line of the `def` behind it.
    pub(crate) fn names(&self) -> Vec<String> {
        let functions = &self.calls.functions;
        let mut seen: FxHashMap<(&str, &str), usize> = FxHashMap::default();
        for function in functions {
            *seen.entry(key(function)).or_default() += 1;
        }
        let name = |function: &TracedFunction| match seen[&key(function)] {
            1 => clean(&function.qualname),
            _ => clean(&format!("{}:{}", function.qualname, function.label.line)),
        };
        functions.iter().map(name).collect()
    }
}

fn key(function: &TracedFunction) -> (&str, &str) {
    (&function.label.file, &function.qualname)
}
