//! The part of a run that was spent in code the user did not write, and where in it.
//!
//! The tables of a verdict charge library code to the line that called it. That is what the author
//! of a program can change, until all of the time goes through one call: then the answer is in the
//! library.

use crate::cost::ratio;
use crate::elapsed::Elapsed;
use crate::fold::{is_library, is_machinery};
use crate::hot::{HotFunction, HotOptions, hot};
use pitstop_model::Profile;

/// The share of a run from which on it is to be looked for in libraries.
const MOST: f64 = 0.5;

/// Time in library code, waiting not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Library {
    /// Its share (0 to 1) of the elapsed time.
    pub share: f64,
    /// The functions with the most time of their own.
    pub functions: Vec<HotFunction>,
}

impl Library {
    /// Looks at a profile; keeps so many functions.
    pub fn of(profile: &Profile, elapsed: &Elapsed, kept: usize) -> Self {
        let in_library = |(row, _, ns): (pitstop_model::Row, u64, f64)| {
            let leaf = profile.places.leaf_function(row.stack?);
            let counts = !row.state.is_waiting()
                && is_library(profile, leaf)
                && !is_machinery(profile, leaf);
            counts.then_some(ns)
        };
        let ns: f64 = elapsed.rows(profile).filter_map(in_library).sum();
        let options = HotOptions {
            fold_library: false,
            waiting: false,
            limit: usize::MAX,
            ..HotOptions::default()
        };
        let mut functions = hot(profile, elapsed, &options).functions;
        functions.retain(|function| {
            function.place.kind.is_library()
                && !function.place.path.starts_with("<frozen ")
                && function.own.total_ns() > 0.0
        });
        functions.truncate(kept);
        Self {
            share: ratio(ns, elapsed.total_ns()),
            functions,
        }
    }

    /// True where most of the run was spent there.
    pub fn dominates(&self) -> bool {
        self.share >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState::{Python, Sleep};

    #[test]
    fn a_program_that_lives_in_a_library_shows_where() {
        let mut s = Sketch::new("app.py");
        let main = s.main();
        let call = "<module> app.py:3; expand site-packages/sympy/core.py:10";
        s.spend(
            main,
            Python,
            500,
            &format!("{call}; mul site-packages/sympy/mul.py:7"),
        );
        s.spend(main, Python, 200, call);
        s.spend(main, Sleep, 200, &format!("{call}; wait lib/time.py:7"));
        s.spend(main, Python, 100, "<module> app.py:4");
        let profile = s.finish();
        let library = Library::of(&profile, &Elapsed::of(&profile), 20);
        assert_eq!(library.share, 0.7);
        assert!(library.dominates());
        let names: Vec<&str> = library
            .functions
            .iter()
            .map(|function| function.place.function.as_str())
            .collect();
        assert_eq!(names, ["mul", "expand"]);
    }

    #[test]
    fn importing_is_charged_to_the_module_that_imports() {
        let mut s = Sketch::new("pytest");
        let main = s.main();
        let import = "<module> site-packages/pytest.py:4; _load <frozen importlib._bootstrap>:9";
        s.spend(main, Python, 100, import);
        let profile = s.finish();
        let hot = hot(&profile, &Elapsed::of(&profile), &HotOptions::default());
        assert_eq!(hot.lines[0].place.short(), "pytest.py:4");
        assert_eq!(hot.lines.len(), 1);
    }
}
