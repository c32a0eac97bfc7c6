//! What does importing take, and who asked for it?
//!
//! The interpreter says for each module, when its import ends, what it took by itself and with what
//! it imported (`-X importtime`; the indentation is the depth, so the lines are a tree in post-order).
//! What is not needed is found in two ways that must not be mixed: *never loaded* is exact, it is what
//! CPython 3.15 with all imports lazy did not load; *never called* is an estimate.

use pitstop_stats::median;
use std::collections::{HashMap, HashSet};

/// A line of `-X importtime`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportLine {
    /// The module.
    pub name: String,
    /// How deep it was nested.
    pub depth: usize,
    /// Microseconds of it alone.
    pub own_us: u64,
    /// Microseconds with what it imported.
    pub total_us: u64,
}

/// Which modules were used, as a run found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Something of these was called after their import.
    pub called: HashSet<String>,
    /// Nothing of these was.
    pub uncalled: HashSet<String>,
    /// With all imports lazy, these were never loaded.
    pub unloaded: HashSet<String>,
}

/// A module that was imported.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// The position of who imported it first; always before it.
    pub parent: Option<usize>,
    /// How deep it is nested.
    pub depth: usize,
    /// Nanoseconds of it alone.
    pub own_ns: f64,
    /// Nanoseconds with what it imported first.
    pub total_ns: f64,
    /// Nobody needed it; `None` if nobody looked, or it is part of the interpreter's start.
    pub is_unneeded: Option<bool>,
    /// It belongs to the interpreter's own start.
    pub is_startup: bool,
}

/// All imports of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imports {
    /// The modules, who imports before what is imported, in order of time.
    pub modules: Vec<Import>,
    /// Nanoseconds of the interpreter's own start.
    pub startup_ns: f64,
    /// Nanoseconds of all other imports.
    pub program_ns: f64,
    /// Nanoseconds of the modules that nobody needed, alone.
    pub unneeded_ns: f64,
    /// How many of them.
    pub unneeded: usize,
    /// Runs that times are medians of.
    pub runs: usize,
    /// By what modules are called unneeded.
    pub basis: Option<Unneeded>,
}

/// By what a module is called unneeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unneeded {
    /// CPython with all imports lazy never loaded it.
    NeverLoaded,
    /// No function or class of it was called after its import. Constants may have been used.
    NeverCalled,
}

/// Reads what an interpreter wrote with `-X importtime`. Everything else is left alone.
pub fn import_lines(text: &str) -> Vec<ImportLine> {
    let one = |line: &str| {
        let rest = line.strip_prefix("import time:")?;
        let mut parts = rest.splitn(3, '|');
        let own_us = parts.next()?.trim().parse().ok()?;
        let total_us = parts.next()?.trim().parse().ok()?;
        let name = parts.next()?;
        let bare = name.trim();
        // One space belongs to the format, two more are one level (CPython, Python/import.c).
        let indent = name.len() - name.trim_start().len();
        Some(ImportLine {
            name: bare.to_owned(),
            depth: indent.saturating_sub(1) / 2,
            own_us,
            total_us,
        })
    };
    text.lines().filter_map(one).collect()
}

/// Puts runs together. The tree is that of the first; times are medians. `site` ends the start.
pub fn imports(runs: &[Vec<ImportLine>], usage: Option<&Usage>) -> Imports {
    let Some(first) = runs.first() else {
        return Imports::default();
    };
    let mut times: HashMap<&str, Vec<f64>> = HashMap::new();
    for line in runs.iter().flatten() {
        let known = times.entry(&line.name).or_default();
        known.push(line.own_us as f64 * 1000.0);
    }
    let start = first
        .iter()
        .position(|line| line.depth == 0 && line.name == "site");
    let start = start.map_or(0, |at| at + 1);
    let mut modules: Vec<Import> = Vec::with_capacity(first.len());
    for (root, is_startup) in roots(first, start) {
        add(first, root, &times, is_startup, &mut modules);
    }
    // What a module took in all is the sum of medians, so that a tree adds up.
    for at in (0..modules.len()).rev() {
        if let Some(parent) = modules[at].parent {
            modules[parent].total_ns += modules[at].total_ns;
        }
    }
    let mut found = Imports {
        runs: runs.len(),
        modules,
        ..Imports::default()
    };
    if let Some(usage) = usage {
        found.basis = Some(mark(&mut found.modules, usage));
    }
    for module in &found.modules {
        if module.is_startup {
            found.startup_ns += module.own_ns;
        } else {
            found.program_ns += module.own_ns;
        }
        if module.is_unneeded == Some(true) {
            found.unneeded += 1;
            found.unneeded_ns += module.own_ns;
        }
    }
    found
}

/// The positions of the outermost modules with whether they belong to the start.
fn roots(lines: &[ImportLine], start: usize) -> Vec<(usize, bool)> {
    let outer = lines.iter().enumerate().filter(|(_, line)| line.depth == 0);
    outer.map(|(at, _)| (at, at < start)).collect()
}

/// Adds a module and, behind it, what it imported: the lines right before it that are deeper.
fn add(
    lines: &[ImportLine],
    root: usize,
    times: &HashMap<&str, Vec<f64>>,
    is_startup: bool,
    modules: &mut Vec<Import>,
) {
    // Post-order read backwards is who imports first, with siblings the wrong way round; a stack
    // of positions turns each list of siblings.
    let mut waiting = vec![(root, None)];
    while let Some((at, parent)) = waiting.pop() {
        let line = &lines[at];
        let own_ns = times
            .get(line.name.as_str())
            .map_or(0.0, |known| median(known));
        modules.push(Import {
            name: line.name.clone(),
            parent,
            depth: line.depth,
            own_ns,
            total_ns: own_ns,
            is_unneeded: None,
            is_startup,
        });
        let own = modules.len() - 1;
        let before = lines[..at].iter().enumerate().rev();
        let inside = before.take_while(|(_, other)| other.depth > line.depth);
        let children = inside.filter(|(_, other)| other.depth == line.depth + 1);
        // The last child comes first here and so ends at the bottom of the stack.
        waiting.extend(children.map(|(child, _)| (child, Some(own))));
    }
}

/// Marks what nobody needed. A package is needed as long as one of its modules is.
fn mark(modules: &mut [Import], usage: &Usage) -> Unneeded {
    let basis = if usage.unloaded.is_empty() {
        Unneeded::NeverCalled
    } else {
        Unneeded::NeverLoaded
    };
    let mut needed: HashSet<&str> = HashSet::new();
    for name in &usage.called {
        let mut name = name.as_str();
        while needed.insert(name) {
            match name.rsplit_once('.') {
                Some((package, _)) => name = package,
                None => break,
            }
        }
    }
    for module in modules.iter_mut().filter(|module| !module.is_startup) {
        let name = module.name.as_str();
        module.is_unneeded = match basis {
            Unneeded::NeverLoaded => Some(!usage.called.contains(name)),
            Unneeded::NeverCalled => {
                let is_known = usage.called.contains(name) || usage.uncalled.contains(name);
                is_known.then(|| !needed.contains(name))
            }
        };
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   codecs
import time:        50 |        150 | site
noise of the program
import time:        30 |         30 |     decoder
import time:        20 |         50 |   json.decoder
import time:        10 |         10 |   json.scanner
import time:         5 |         65 | json
import time:         7 |          7 | colorsys
";

    fn names(found: &Imports) -> Vec<(&str, Option<&str>)> {
        let name = |at: usize| found.modules[at].name.as_str();
        let modules = found.modules.iter();
        modules
            .map(|module| (module.name.as_str(), module.parent.map(name)))
            .collect()
    }

    #[test]
    fn lines_become_a_tree_that_adds_up() {
        let lines = import_lines(TEXT);
        assert_eq!(lines.len(), 7);
        let found = imports(&[lines], None);
        assert_eq!(
            names(&found),
            [
                ("site", None),
                ("codecs", Some("site")),
                ("json", None),
                ("json.decoder", Some("json")),
                ("decoder", Some("json.decoder")),
                ("json.scanner", Some("json")),
                ("colorsys", None),
            ]
        );
        assert_eq!(found.startup_ns, 150e3);
        assert_eq!(found.program_ns, 72e3);
        assert_eq!(found.modules[2].total_ns, 65e3);
        assert_eq!(found.basis, None);
    }

    #[test]
    fn a_package_is_needed_as_long_as_a_module_of_it_is() {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let usage = Usage {
            called: set(&["json.decoder"]),
            uncalled: set(&["json", "json.scanner", "colorsys"]),
            unloaded: HashSet::new(),
        };
        let found = imports(&[import_lines(TEXT)], Some(&usage));
        assert_eq!(found.basis, Some(Unneeded::NeverCalled));
        let unneeded: Vec<&str> = found
            .modules
            .iter()
            .filter(|module| module.is_unneeded == Some(true))
            .map(|module| module.name.as_str())
            .collect();
        assert_eq!(unneeded, ["json.scanner", "colorsys"]);
        assert_eq!(found.unneeded_ns, 17e3);
        // `decoder` was gone from sys.modules at the end: nobody knows.
        assert_eq!(found.modules[4].is_unneeded, None);
    }

    #[test]
    fn times_are_medians_of_runs() {
        let run = |us: u64| {
            import_lines(&format!(
                "import time: {us} | {us} | site\nimport time: {us} | {us} | a\n"
            ))
        };
        let found = imports(&[run(10), run(90), run(20)], None);
        assert_eq!(found.program_ns, 20e3);
        assert_eq!(imports(&[], None), Imports::default());
    }
}
