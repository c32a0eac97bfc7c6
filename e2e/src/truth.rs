//! What a fixture program says about itself in its header, and stacks judged by it.
//!
//! The lines are described in `fixtures/programs/README.md`.

use crate::programs::fixture;
use std::collections::{BTreeMap, BTreeSet};

/// The truth lines of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Functions from which a stack is judged.
    pub roots: BTreeSet<String>,
    /// The Python functions that a function calls; `*` for any.
    pub calls: BTreeMap<String, BTreeSet<String>>,
    /// A leaf, a function, and how often exactly that is below the leaf.
    pub counts: Vec<(String, String, usize)>,
    /// A function and how often at most it is on a stack.
    pub at_most: Vec<(String, usize)>,
    /// By thread, the outermost function of its own.
    pub threads: BTreeMap<String, String>,
    /// By thread, the states it may be in; the first is where it is nearly always.
    pub states: BTreeMap<String, Vec<String>>,
    /// By function, its share in per cent.
    pub shares: BTreeMap<String, f64>,
    /// Qualified names that are seen on 3.11 and later.
    pub qualified: Vec<String>,
    /// By function, the file name of its code.
    pub files: BTreeMap<String, String>,
    /// By function, a line of its source.
    pub sources: BTreeMap<String, String>,
    /// How many processes take part.
    pub processes: Option<usize>,
    /// The exit status.
    pub exit: Option<i32>,
    /// The signal that ends it.
    pub signal: Option<String>,
    /// True if reading its memory is dangerous.
    pub survives: bool,
}

/// What became of a stack that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It holds one of the roots, and everything inside of that is possible.
    Possible,
    /// It holds none of the roots: the program was starting, or it is another thread.
    NotJudged,
}

impl Truth {
    /// The truth of a fixture program. Panics on a line that is not understood.
    pub fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(fixture(name)).expect("a fixture is readable text");
        Self::parse(&text).unwrap_or_else(|line| panic!("{name}: cannot understand `{line}`"))
    }

    /// Reads the truth lines of a text; fails with the first line that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut truth = Self::default();
        for line in text
            .lines()
            .filter_map(|line| line.strip_prefix("# truth: "))
        {
            truth.learn(line).ok_or_else(|| line.to_owned())?;
        }
        Ok(truth)
    }

    fn learn(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split_whitespace().map(str::to_owned);
        match kind {
            "root" => self.roots.extend(words),
            "calls" => self.calls.entry(words.next()?).or_default().extend(words),
            "count" => {
                self.counts
                    .push((words.next()?, words.next()?, words.next()?.parse().ok()?));
            }
            "at_most" => self
                .at_most
                .push((words.next()?, words.next()?.parse().ok()?)),
            "thread" => drop(self.threads.insert(words.next()?, words.next()?)),
            "state" => drop(self.states.insert(words.next()?, words.collect())),
            "share" => drop(
                self.shares
                    .insert(words.next()?, words.next()?.parse().ok()?),
            ),
            "qualified" => self.qualified.push(rest.to_owned()),
            "file" => drop(self.files.insert(words.next()?, words.next()?)),
            "source" => {
                let (function, quoted) = rest.split_once(' ')?;
                let line = quoted.strip_prefix('"')?.strip_suffix('"')?;
                self.sources.insert(function.to_owned(), line.to_owned());
            }
            "processes" => self.processes = Some(words.next()?.parse().ok()?),
            "exit" => self.exit = Some(words.next()?.parse().ok()?),
            "signal" => self.signal = Some(words.next()?),
            "survives" => self.survives = true,
            "prints" | "says" => {}
            _ => return None,
        }
        Some(())
    }

    /// Judges a stack, given as function names from the outermost to the innermost.
    ///
    /// Of a qualified name only what is behind the last dot counts. Fails with the reason why no
    /// such stack can have existed.
    pub fn judge(&self, stack: &[impl AsRef<str>]) -> Result<Judgement, String> {
        let names: Vec<&str> = stack.iter().map(|name| short(name.as_ref())).collect();
        let Some(start) = names.iter().position(|name| self.roots.contains(*name)) else {
            return Ok(Judgement::NotJudged);
        };
        let names = &names[start..];
        self.judge_calls(names)?;
        self.judge_counts(names)?;
        Ok(Judgement::Possible)
    }

    fn judge_calls(&self, names: &[&str]) -> Result<(), String> {
        for pair in names.windows(2) {
            if !self.may_call(pair[0], pair[1]) {
                return Err(format!(
                    "`{}` does not call `{}`: {names:?}",
                    pair[0], pair[1]
                ));
            }
        }
        Ok(())
    }

    fn may_call(&self, caller: &str, callee: &str) -> bool {
        match self.calls.get(caller) {
            Some(callees) => callees.contains(callee) || callees.contains("*"),
            // A function that the truth does not speak of belongs to a library.
            None => !self.names(caller),
        }
    }

    fn names(&self, function: &str) -> bool {
        self.roots.contains(function) || self.calls.values().any(|all| all.contains(function))
    }

    fn judge_counts(&self, names: &[&str]) -> Result<(), String> {
        let count = |function: &str| names.iter().filter(|name| **name == function).count();
        for (leaf, function, exactly) in &self.counts {
            if count(leaf) > 0 && count(function) != *exactly {
                return Err(format!(
                    "`{leaf}` with {} times `{function}`",
                    count(function)
                ));
            }
        }
        for (function, most) in &self.at_most {
            if count(function) > *most {
                return Err(format!("{} times `{function}`", count(function)));
            }
        }
        Ok(())
    }
}

/// `turn` of `Outer.Inner.turn`, and `<lambda>` of `main.<locals>.<lambda>`.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::programs;

    #[test]
    fn every_program_tells_a_truth_that_is_understood() {
        for name in programs().iter().filter(|name| *name != "empty.py") {
            assert_ne!(Truth::of(name), Truth::default(), "{name}");
        }
    }

    #[test]
    fn mixed_chains_are_impossible_and_pure_ones_are_not() {
        let truth = Truth::of("alternating_plain.py");
        let judge = |stack: &[&str]| truth.judge(stack).map_err(drop);
        assert_eq!(
            judge(&["<module>", "main", "hot_a", "leaf_a"]),
            Ok(Judgement::Possible)
        );
        assert_eq!(
            judge(&["<module>", "main", "hot_b"]),
            Ok(Judgement::Possible)
        );
        assert_eq!(
            judge(&["<module>", "_find_and_load"]),
            Ok(Judgement::NotJudged)
        );
        assert_eq!(judge(&["<module>", "main", "hot_a", "leaf_b"]), Err(()));
        assert_eq!(judge(&["<module>", "main", "leaf_a"]), Err(()));
        assert_eq!(
            judge(&["<module>", "main", "hot_a", "leaf_a", "leaf_a"]),
            Err(())
        );
    }

    #[test]
    fn a_recursion_of_the_wrong_depth_is_impossible() {
        let truth = Truth::of("alternating_recursive.py");
        let stack = |depth| {
            let mut names = vec!["main", "hot_a"];
            names.extend(std::iter::repeat_n("fall_a", depth));
            names.push("leaf_a");
            names
        };
        assert_eq!(truth.judge(&stack(13)), Ok(Judgement::Possible));
        assert!(truth.judge(&stack(12)).is_err());
        assert!(truth.judge(&stack(14)).is_err());
    }

    #[test]
    fn library_functions_between_known_ones_are_not_judged() {
        let truth = Truth::of("multiprocessing_pool.py");
        let stack = [
            "<module>",
            "_bootstrap",
            "worker",
            "mapstar",
            "task",
            "burn",
        ];
        assert_eq!(truth.judge(&stack), Ok(Judgement::Possible));
    }
}
