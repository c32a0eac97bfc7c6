//! Budgets: what a program may cost, and whether it keeps to that.
//!
//! A *budget* names something that can be run; each of its limits is a *check*. A limit is a number
//! that may not be passed, or a growth over another commit that may not be passed. What is counted
//! is judged as it is. What is measured is judged by a range: a check is kept if the whole range
//! keeps to the limit, broken if none of it does, and inconclusive in between.

mod judge;
pub mod words;

pub use judge::{
    CountLimit, Judged, forbidden, of_complexity, of_counts, of_growth, of_maximum, of_memory,
    of_memory_pairs, of_percentile, of_percentile_pairs, processes_needed,
};
pub use pitstop_model::Date;
pub use pitstop_stats::{Growth, LEAST_SIZES};

use pitstop_stats::Interval;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// How long a repetition takes.
    Time,
    /// A percentile of single calls' times, as a share: 0.99.
    Latency(f64),
    /// The most memory that a process has in RAM at once, interpreter included.
    PeakRss,
    /// The most that Python's allocators have out at once during a call.
    PeakAllocated,
    /// Calls of Python's allocators that give memory.
    Allocations,
    /// Instructions of Python of a call.
    Bytecodes,
    /// Modules that are brought in.
    Imports,
    /// Modules that may not be brought in.
    Forbidden,
    /// How long the import of a function's module takes in a fresh process.
    ImportTime,
    /// How the time grows with the size of the input.
    Complexity,
}

/// What numbers of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Memory,
    /// A count.
    Count,
    /// A class of growth; not a number.
    Class,
}

impl Kind {
    /// Its name in configuration, documents and reports: `time`, `latency.p99`.
    pub fn key(self) -> String {
        match self {
            Self::Time => "time".into(),
            Self::Latency(share) => {
                let text = format!("{:.3}", share * 100.0);
                format!(
                    "latency.p{}",
                    text.trim_end_matches('0').trim_end_matches('.')
                )
            }
            Self::PeakRss => "peak-rss".into(),
            Self::PeakAllocated => "peak-allocated".into(),
            Self::Allocations => "allocations".into(),
            Self::Bytecodes => "bytecodes".into(),
            Self::Imports => "imports".into(),
            Self::Forbidden => "imports.forbid".into(),
            Self::ImportTime => "import-time".into(),
            Self::Complexity => "complexity".into(),
        }
    }

    /// The unit of its numbers.
    pub fn unit(self) -> Unit {
        match self {
            Self::Time | Self::Latency(_) | Self::ImportTime => Unit::Time,
            Self::PeakRss | Self::PeakAllocated => Unit::Memory,
            Self::Allocations | Self::Bytecodes | Self::Imports | Self::Forbidden => Unit::Count,
            Self::Complexity => Unit::Class,
        }
    }

    /// Whether it is counted, and comes out the same each time.
    pub fn is_counted(self) -> bool {
        matches!(
            self,
            Self::PeakAllocated
                | Self::Allocations
                | Self::Bytecodes
                | Self::Imports
                | Self::Forbidden
        )
    }
}

/// What may not be passed.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// A number, in the kind's unit.
    Most(f64),
    /// A growth over the base, as a share: 0.03 for 3 % more.
    Growth(f64),
    /// These modules and what is below them.
    Modules(Vec<String>),
    /// A class of growth.
    Class(Growth),
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The limit is kept.
    Kept,
    /// It is not.
    Broken,
    /// What was measured does not tell.
    Inconclusive,
    /// What is looked at does not exist in the base: there is nothing to compare with.
    New,
    /// It could not be measured.
    NotMeasured,
}

impl State {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Inconclusive => "inconclusive",
            Self::New => "new",
            Self::NotMeasured => "not_measured",
        }
    }
}

/// A promise to look away for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiver {
    /// Why.
    pub reason: String,
    /// Who gave it; empty if nobody is named.
    pub owner: String,
    /// The last day on which it counts.
    pub expires: Date,
    /// What may not be passed all the same.
    pub limit: Option<Limit>,
    /// Whether that day is over.
    pub is_expired: bool,
    /// Whether its own limit was passed.
    pub is_passed: bool,
}

/// A function that does more than it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Its name.
    pub name: String,
    /// Its file, relative to the project where it lies in it.
    pub file: String,
    /// The line it begins in.
    pub line: u32,
    /// Its instructions in the base; 0 if it did not run there.
    pub base: u64,
    /// Its instructions now.
    pub head: u64,
}

/// One limit, and how it was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The budget it belongs to.
    pub budget: String,
    /// What was run.
    pub work: String,
    /// What is looked at.
    pub kind: Kind,
    /// What may not be passed.
    pub limit: Limit,
    /// The line of the limit in the configuration.
    pub line: u32,
    /// The number in the base.
    pub base: Option<f64>,
    /// The number now.
    pub head: Option<f64>,
    /// The range: of the ratio to the base for a growth, else of the number now.
    pub interval: Option<Interval>,
    /// How it came out.
    pub state: State,
    /// Why it came out so, or what else is to be known; sentences.
    pub notes: Vec<String>,
    /// Functions that do more than before, the largest first.
    pub culprits: Vec<Culprit>,
    /// The waiver for it.
    pub waiver: Option<Waiver>,
}

/// What a check comes to when its waiver is taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to complain about.
    Passed,
    /// Broken, and somebody answers for it.
    Waived,
    /// Broken.
    Failed,
    /// What was measured does not tell.
    Open,
    /// It could not be measured.
    Missing,
}

impl Outcome {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Waived => "waived",
            Self::Failed => "failed",
            Self::Open => "inconclusive",
            Self::Missing => "not_measured",
        }
    }
}

impl Check {
    /// What it comes to.
    pub fn outcome(&self) -> Outcome {
        let is_waived = |waiver: &Waiver| !waiver.is_expired && !waiver.is_passed;
        match self.state {
            State::Kept | State::New => Outcome::Passed,
            State::Broken | State::Inconclusive if self.waiver.as_ref().is_some_and(is_waived) => {
                Outcome::Waived
            }
            State::Broken => Outcome::Failed,
            State::Inconclusive => Outcome::Open,
            State::NotMeasured => Outcome::Missing,
        }
    }

    /// The ratio of the numbers.
    pub fn ratio(&self) -> Option<f64> {
        let (base, head) = (self.base?, self.head?);
        (base > 0.0).then(|| head / base)
    }

    /// A name for it among all: `parse large: time`.
    pub fn name(&self) -> String {
        format!("{}: {}", self.budget, self.kind.key())
    }
}

/// What to make of checks that nothing can be said about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnInconclusive {
    /// An outcome of its own.
    #[default]
    Report,
    /// They pass, and are shown.
    Warn,
    /// They fail.
    Fail,
}

/// All checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gate {
    /// The configuration they come from, as it is shown.
    pub file: String,
    /// What the program was compared with: the name and the commit. `None` if nothing was.
    pub base: Option<(String, String)>,
    /// The checks, in the order of the configuration.
    pub checks: Vec<Check>,
    /// What to make of inconclusive ones.
    pub on_inconclusive: OnInconclusive,
    /// What else is to be known; sentences.
    pub notes: Vec<String>,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Somebody stopped it.
    pub stopped: bool,
}

impl Gate {
    /// What all checks come to: the worst of them.
    pub fn outcome(&self) -> Outcome {
        let has = |wanted| self.checks.iter().any(|check| check.outcome() == wanted);
        let fails_open = self.on_inconclusive == OnInconclusive::Fail && has(Outcome::Open);
        if has(Outcome::Failed) || fails_open {
            Outcome::Failed
        } else if has(Outcome::Missing) || self.stopped {
            Outcome::Missing
        } else if has(Outcome::Open) && self.on_inconclusive == OnInconclusive::Report {
            Outcome::Open
        } else {
            Outcome::Passed
        }
    }

    /// How many checks came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        let all = self.checks.iter();
        all.filter(|check| check.outcome() == outcome).count()
    }
}

/// Functions that execute more instructions than in the base, the largest growth first. Both lists
/// hold what a function itself executes; functions are matched by file and name, and several of a
/// name add up.
pub fn culprits(base: &[Culprit], head: &[Culprit]) -> Vec<Culprit> {
    let mut grown: Vec<Culprit> = Vec::new();
    for known in head {
        match grown.iter_mut().find(|other| is_same(other, known)) {
            Some(other) => other.head += known.head,
            None => grown.push(Culprit {
                base: 0,
                ..known.clone()
            }),
        }
    }
    for known in base {
        if let Some(other) = grown.iter_mut().find(|other| is_same(other, known)) {
            other.base += known.head;
        }
    }
    grown.retain(|known| known.head > known.base);
    grown.sort_by_key(|known| std::cmp::Reverse(known.head - known.base));
    grown.truncate(MOST_CULPRITS);
    grown
}

/// More are no help.
const MOST_CULPRITS: usize = 5;

fn is_same(one: &Culprit, other: &Culprit) -> bool {
    one.name == other.name && one.file == other.file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: State) -> Check {
        Check {
            budget: "b".into(),
            work: "m:f".into(),
            kind: Kind::Time,
            limit: Limit::Growth(0.03),
            line: 1,
            base: Some(2.0),
            head: Some(3.0),
            interval: None,
            state,
            notes: Vec::new(),
            culprits: Vec::new(),
            waiver: None,
        }
    }

    fn waiver() -> Waiver {
        Waiver {
            reason: "known".into(),
            owner: String::new(),
            expires: Date::new(2026, 1, 1).expect("a day"),
            limit: None,
            is_expired: false,
            is_passed: false,
        }
    }

    fn gate(states: &[State]) -> Gate {
        Gate {
            checks: states.iter().map(|state| check(*state)).collect(),
            ..Gate::default()
        }
    }

    #[test]
    fn the_worst_check_is_what_all_come_to() {
        use State::{Broken, Inconclusive, Kept, New, NotMeasured};
        assert_eq!(gate(&[Kept, New]).outcome(), Outcome::Passed);
        assert_eq!(gate(&[Kept, Inconclusive]).outcome(), Outcome::Open);
        assert_eq!(
            gate(&[Inconclusive, NotMeasured]).outcome(),
            Outcome::Missing
        );
        assert_eq!(
            gate(&[Inconclusive, NotMeasured, Broken]).outcome(),
            Outcome::Failed
        );
        let mut open = gate(&[Inconclusive]);
        open.on_inconclusive = OnInconclusive::Warn;
        assert_eq!(open.outcome(), Outcome::Passed);
        open.stopped = true;
        assert_eq!(
            open.outcome(),
            Outcome::Missing,
            "half of an answer is none"
        );
        open.on_inconclusive = OnInconclusive::Fail;
        assert_eq!(open.outcome(), Outcome::Failed);
    }

    #[test]
    fn a_waiver_holds_until_it_expires_or_its_own_limit_is_passed() {
        let mut broken = check(State::Broken);
        broken.waiver = Some(waiver());
        assert_eq!(broken.outcome(), Outcome::Waived);
        broken.waiver = Some(Waiver {
            is_expired: true,
            ..waiver()
        });
        assert_eq!(broken.outcome(), Outcome::Failed);
        broken.waiver = Some(Waiver {
            is_passed: true,
            ..waiver()
        });
        assert_eq!(broken.outcome(), Outcome::Failed);
        broken.state = State::Kept;
        assert_eq!(broken.outcome(), Outcome::Passed);
    }

    #[test]
    fn culprits_are_those_that_grew() {
        let each = |name: &str, head| Culprit {
            name: name.into(),
            file: "f.py".into(),
            line: 1,
            base: 0,
            head,
        };
        let base = [each("a", 100), each("b", 50), each("c", 9)];
        let head = [each("a", 100), each("b", 20), each("b", 90), each("new", 5)];
        let found = culprits(&base, &head);
        let names: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.base, one.head))
            .collect();
        assert_eq!(names, [("b", 50, 110), ("new", 0, 5)]);
    }

    #[test]
    fn kinds_are_called_what_they_are_written_as() {
        assert_eq!(Kind::Latency(0.99).key(), "latency.p99");
        assert_eq!(Kind::Latency(0.999).key(), "latency.p99.9");
        assert_eq!(Kind::Latency(0.5).key(), "latency.p50");
    }
}
