//! Which functions are worth timing line by line: the few that take nearly all of the time.

use crate::elapsed::Elapsed;
use crate::hot::{HotOptions, hot};
use crate::place::Place;
use pitstop_model::Profile;

/// How many to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worth {
    /// Enough of them to have this share (0 to 1) of what is in Python functions.
    pub cover: f64,
    /// None with less than this share of it.
    pub least: f64,
    /// No more than these.
    pub most: usize,
}

impl Default for Worth {
    fn default() -> Self {
        Self {
            cover: 0.95,
            least: 0.005,
            most: 20,
        }
    }
}

/// The functions with most time of their own in a sampled run, costliest first. Library code counts
/// to the function that called it.
pub fn worth_timing(profile: &Profile, elapsed: &Elapsed, worth: Worth) -> Vec<Place> {
    let mut functions = hot(profile, elapsed, &HotOptions::default()).functions;
    // The import system, where it counts to nobody: it has no text to show times beside.
    functions.retain(|function| !function.place.path.starts_with("<frozen "));
    let whole_ns: f64 = functions.iter().map(|one| one.own.total_ns()).sum();
    let mut covered_ns = 0.0;
    let mut chosen = Vec::new();
    for function in functions.into_iter().take(worth.most) {
        let own_ns = function.own.total_ns();
        if covered_ns >= worth.cover * whole_ns || own_ns < worth.least * whole_ns {
            break;
        }
        covered_ns += own_ns;
        chosen.push(function.place);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::Sketch;
    use pitstop_model::ThreadState;

    fn chosen(worth: Worth) -> Vec<String> {
        let mut sketch = Sketch::new("python app.py");
        let main = sketch.main();
        for (stack, samples) in [
            ("main app.py:60; small app.py:9", 4),
            ("main app.py:60; middle app.py:19; dumps lib/json.py:7", 40),
            ("main app.py:60; large app.py:29", 55),
            ("main app.py:60", 1),
            ("load <frozen importlib._bootstrap>:9", 30),
        ] {
            sketch.spend(main, ThreadState::Python, samples, stack);
        }
        let profile = sketch.finish();
        let places = worth_timing(&profile, &Elapsed::of(&profile), worth);
        places.into_iter().map(|place| place.function).collect()
    }

    #[test]
    fn the_functions_that_cover_the_time_are_chosen() {
        assert_eq!(chosen(Worth::default()), ["large", "middle"]);
        let all = Worth {
            cover: 1.0,
            ..Worth::default()
        };
        assert_eq!(chosen(all), ["large", "middle", "small", "main"]);
        assert_eq!(chosen(Worth { most: 1, ..all }), ["large"]);
        assert_eq!(chosen(Worth { least: 0.3, ..all }), ["large", "middle"]);
    }
}
