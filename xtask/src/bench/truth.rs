//! What a program in which two chains take turns says about its own stacks.
//!
//! Names tell most of it: a stack with names of both chains never existed, nor did a leaf without
//! the function at the head of its chain. The lines `# truth: ` of the program tell the rest; see
//! `fixtures/programs/README.md`.

use super::stacks::Frame;
use anyhow::{Context, Result};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What is true of every stack of a program.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// The program's own file: `site` has a `main` too.
    file: String,
    roots: HashSet<String>,
    calls: HashMap<String, HashSet<String>>,
    /// Whoever has the first function has the second exactly so often.
    counts: Vec<(String, String, usize)>,
    at_most: Vec<(String, usize)>,
}

impl Truth {
    /// What the program in that file says.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let file = path.file_name().unwrap_or_default();
        Ok(Self::parse(&file.to_string_lossy(), &text))
    }

    /// Reads the lines out of a program's text; kinds that say nothing about a stack are skipped.
    fn parse(file: &str, program: &str) -> Self {
        let mut truth = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        for line in program.lines() {
            let Some(line) = line.trim().strip_prefix("# truth: ") else {
                continue;
            };
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["root", ..] => truth.roots.extend(words[1..].iter().cloned()),
                ["calls", caller, ..] => {
                    let callees = truth.calls.entry(caller.to_owned()).or_default();
                    callees.extend(words[2..].iter().cloned());
                }
                ["count", whose, what, number] => truth.counts.push((
                    whose.to_owned(),
                    what.to_owned(),
                    number.parse().unwrap_or(0),
                )),
                ["at_most", what, number] => {
                    let number = number.parse().unwrap_or(0);
                    truth.at_most.push((what.to_owned(), number));
                }
                _ => {}
            }
        }
        truth
    }

    /// True if the program can never have had that stack, outermost frame first.
    pub(super) fn is_impossible(&self, stack: &[Frame]) -> bool {
        let names: Vec<&str> = stack.iter().map(|frame| frame.name.as_str()).collect();
        let is_root = |frame: &Frame| frame.file == self.file && self.roots.contains(&frame.name);
        let root = stack.iter().position(is_root);
        mixes_chains(&names) || root.is_some_and(|root| self.is_broken(&names[root..]))
    }

    /// True if this stack, outermost function first and from a root on, breaks a truth.
    fn is_broken(&self, stack: &[&str]) -> bool {
        let count = |what: &str| stack.iter().filter(|name| **name == what).count();
        let none = HashSet::new();
        let allowed = |pair: &[&str]| {
            let callees = self.calls.get(pair[0]).unwrap_or(&none);
            callees.contains(pair[1]) || callees.contains("*")
        };
        !stack.windows(2).all(allowed)
            || self.at_most.iter().any(|(what, most)| count(what) > *most)
            || self
                .counts
                .iter()
                .any(|(whose, what, number)| count(whose) > 0 && count(what) != *number)
    }
}

fn mixes_chains(stack: &[&str]) -> bool {
    let any = |holds: fn(&str) -> bool| stack.iter().any(|name| holds(name));
    let both = any(|name| name.ends_with("_a")) && any(|name| name.ends_with("_b"));
    both || any(|name| name.starts_with("leaf_")) && !any(|name| name.starts_with("hot_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "\
        # truth: root main\n\
        # truth: calls main hot_a hot_b\n\
        # truth: calls hot_a fall_a\n\
        # truth: calls fall_a fall_a leaf_a\n\
        # truth: count leaf_a fall_a 2\n\
        # truth: at_most fall_a 2\n";

    #[test]
    fn stacks_are_judged_by_names_calls_and_counts() {
        let truth = Truth::parse("a.py", PROGRAM);
        let impossible = |file: &str, stack: &str| {
            let frame = |name: &str| Frame {
                file: file.into(),
                name: name.into(),
                line: 1,
            };
            let stack: Vec<Frame> = stack.split(' ').map(frame).collect();
            truth.is_impossible(&stack)
        };
        assert!(!impossible(
            "a.py",
            "<module> main hot_a fall_a fall_a leaf_a"
        ));
        assert!(!impossible("a.py", "<module> main hot_a fall_a"));
        assert!(!impossible("a.py", "<module> _find_spec"));
        assert!(!impossible("site.py", "<module> main venv"));
        for torn in [
            "<module> main hot_b leaf_a",
            "<module> main leaf_a",
            "<module> main hot_b other_b",
            "<module> main hot_a <module>",
            "<module> main hot_a fall_a leaf_a",
            "<module> main hot_a fall_a fall_a fall_a",
        ] {
            assert!(impossible("a.py", torn), "{torn}");
        }
    }
}
