//! The proof of a change: calls of the old version against the same calls of the new one, tests
//! before and after, and how much faster it became.
//!
//! Equality is shown for the calls that were recorded and repeated, and for nothing else; what was
//! left out is counted, with the reason.

mod difference;
mod judge;
mod rows;

pub use difference::{Difference, Kind, difference};
pub use judge::{Answer, Judged, Played, Recorded, Replays, judge, left_out};
pub use rows::{Row, same_rows};

/// What was seen of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// It raised an exception, and did not return.
    pub raised: bool,
    /// It wanted more of an iterator argument than the recorded call took.
    pub beyond: bool,
    /// What it did outside of its process, in order: what, and with what.
    pub events: Vec<Event>,
    /// The result is an iterator: whether it was taken to its end.
    pub drained: Option<bool>,
    /// Items taken of each iterator argument: before the first item of the result, after it, and
    /// at the end; at the end only, if the result is no iterator.
    pub taken: Vec<Vec<u64>>,
    /// The arguments after the call.
    pub arguments: Vec<Row>,
    /// The result or the exception.
    pub value: Vec<Row>,
    /// The items of a result that is an iterator.
    pub items: Vec<Row>,
    /// What a generator returned at its end.
    pub last: Vec<Row>,
    /// Types of which nothing but the type could be compared.
    pub opaque: Vec<String>,
}

/// Something that a call did outside of its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What: `opens for writing`, `writes to standard output`, an audit event of CPython.
    pub kind: String,
    /// With what.
    pub text: String,
    /// Somebody else could notice it.
    pub is_effect: bool,
}

/// The turn in which a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// For the first time, with arguments of its own.
    First,
    /// Again with the same objects as arguments.
    Again,
    /// After the last element of containers among the arguments was taken away.
    Shortened,
    /// With fresh arguments, after the first result was changed by its caller.
    Fresh,
    /// Its result closed after the first item.
    Closed,
    /// In one process with all other calls, in order.
    Together,
}

impl Pass {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::Again,
        Self::Shortened,
        Self::Fresh,
        Self::Closed,
        Self::Together,
    ];

    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Shortened => "shortened",
            Self::Fresh => "fresh",
            Self::Closed => "closed",
            Self::Together => "together",
        }
    }
}

/// The first call that gives something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which call of the function it was in the recorded run, from 1.
    pub number: u64,
    /// The turn.
    pub pass: Pass,
    /// The arguments as people read them, by name.
    pub arguments: Vec<(String, String)>,
    /// What the old version does, in words.
    pub old: String,
    /// What the new one does.
    pub new: String,
    /// The difference itself.
    pub difference: Difference,
    /// How many of the compared calls differ.
    pub calls: usize,
}

/// What became of one function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionProof {
    /// Its name: `package.module:name`.
    pub name: String,
    /// Its file, as people know it.
    pub file: String,
    /// Its line in the old version.
    pub line: u32,
    /// Why it is looked at: `code`, `class`, `uses NAME`, `removed`, `named`.
    pub why: String,
    /// Calls in the recorded run.
    pub calls: u64,
    /// Of these, calls with the arguments of a recorded one: they are not recorded again.
    pub alike: u64,
    /// The calls that were recorded.
    pub recorded: usize,
    /// Of these, the calls that were compared.
    pub compared: usize,
    /// Calls that could not be compared, by reason.
    pub left_out: Vec<(String, u64)>,
    /// The first difference.
    pub finding: Option<Finding>,
    /// Types of which nothing but the type could be compared.
    pub opaque: Vec<String>,
}

/// How tests ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestRun {
    /// The exit status, as a shell shows it.
    pub status: i32,
    /// Outcomes by test, where the tests said them: `passed`, `failed`, `skipped`.
    pub outcomes: std::collections::BTreeMap<String, String>,
}

/// The tests of the project, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tests {
    /// The command.
    pub command: String,
    /// With the old version.
    pub old: TestRun,
    /// With the new one.
    pub new: TestRun,
}

impl Tests {
    /// Whether they ended alike.
    pub fn are_equal(&self) -> bool {
        self.old == self.new
    }

    /// The tests that ended in another way: name, before, after.
    pub fn changed(&self) -> Vec<(&str, &str, &str)> {
        let names = self.old.outcomes.keys().chain(self.new.outcomes.keys());
        let names: std::collections::BTreeSet<&String> = names.collect();
        let of =
            |run: &'_ TestRun, name: &String| -> Option<String> { run.outcomes.get(name).cloned() };
        names
            .into_iter()
            .filter(|name| of(&self.old, name) != of(&self.new, name))
            .map(|name| {
                let before = self.old.outcomes.get(name).map_or("absent", String::as_str);
                let after = self.new.outcomes.get(name).map_or("absent", String::as_str);
                (name.as_str(), before, after)
            })
            .collect()
    }
}

/// How much faster something became.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// What was measured, in words.
    pub what: String,
    /// Old time over new time.
    pub factor: f64,
    /// The range of the factor.
    pub range: Option<(f64, f64)>,
    /// Pairs of processes.
    pub pairs: usize,
    /// Medians of both sides, in nanoseconds.
    pub times_ns: [f64; 2],
    /// Confidence of the range: 0.95.
    pub sure: f64,
}

impl Speed {
    /// Where it lies with regard to a factor that is asked for.
    pub fn against(&self, least: f64) -> Reached {
        match self.range {
            Some((low, _)) if low >= least => Reached::Yes,
            Some((_, high)) if high < least => Reached::No,
            _ => Reached::Open,
        }
    }
}

/// Whether a factor was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The whole range lies above.
    Yes,
    /// The whole range lies below.
    No,
    /// What was measured does not tell.
    Open,
}

/// Everything that was found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proof {
    /// The old and the new version, as people name them.
    pub versions: [String; 2],
    /// The workload.
    pub workload: String,
    /// The interpreter's version.
    pub python: String,
    /// Where all draws come from.
    pub seed: u64,
    /// Relative difference of floats that counts as none; 0 for equal to the bit.
    pub tolerance: f64,
    /// The functions that differ.
    pub functions: Vec<FunctionProof>,
    /// The tests, if a command for them is known.
    pub tests: Option<Tests>,
    /// The recorded calls, measured by themselves.
    pub calls_speed: Option<Speed>,
    /// The whole workload.
    pub whole_speed: Option<Speed>,
    /// The factor that is asked of the whole workload.
    pub least: f64,
    /// Nothing was to be measured.
    pub equality_only: bool,
    /// What else has to be said.
    pub notes: Vec<String>,
}

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Equal, and faster.
    Accepted,
    /// Equal; nothing was to be measured.
    Equal,
    /// Something differs.
    Rejected,
    /// Equal, and not faster by as much as is asked for.
    NotFaster,
    /// Equal, and what was measured does not tell.
    Inconclusive,
    /// Nothing could be compared.
    Refused,
}

impl Verdict {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Equal => "equal",
            Self::Rejected => "rejected",
            Self::NotFaster => "not_faster",
            Self::Inconclusive => "inconclusive",
            Self::Refused => "refused",
        }
    }
}

impl Proof {
    /// Calls that were compared.
    pub fn compared(&self) -> usize {
        self.functions
            .iter()
            .map(|function| function.compared)
            .sum()
    }

    /// Whether anything differs: a call or the tests.
    pub fn differs(&self) -> bool {
        let calls = self.functions.iter().any(|known| known.finding.is_some());
        calls || self.tests.as_ref().is_some_and(|tests| !tests.are_equal())
    }

    /// Functions that the workload calls and of which no call could be compared.
    pub fn unproved(&self) -> impl Iterator<Item = &FunctionProof> {
        let functions = self.functions.iter();
        functions.filter(|known| known.calls > 0 && known.compared == 0 && known.finding.is_none())
    }

    /// The answer.
    pub fn verdict(&self) -> Verdict {
        if self.differs() {
            return Verdict::Rejected;
        }
        if self.compared() == 0 || self.unproved().next().is_some() {
            return Verdict::Refused;
        }
        if self.equality_only {
            return Verdict::Equal;
        }
        match self
            .whole_speed
            .as_ref()
            .map(|speed| speed.against(self.least))
        {
            Some(Reached::Yes) => Verdict::Accepted,
            Some(Reached::No) => Verdict::NotFaster,
            Some(Reached::Open) | None => Verdict::Inconclusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(compared: usize, range: Option<(f64, f64)>) -> Proof {
        Proof {
            functions: vec![FunctionProof {
                calls: 3,
                compared,
                ..FunctionProof::default()
            }],
            whole_speed: range.map(|range| Speed {
                what: "app.py".into(),
                factor: range.0,
                range: Some(range),
                pairs: 8,
                times_ns: [1.0, 1.0],
                sure: 0.95,
            }),
            least: 1.02,
            ..Proof::default()
        }
    }

    #[test]
    fn only_what_is_equal_and_surely_faster_is_accepted() {
        assert_eq!(proof(3, Some((1.03, 1.4))).verdict(), Verdict::Accepted);
        assert_eq!(proof(3, Some((1.01, 1.4))).verdict(), Verdict::Inconclusive);
        assert_eq!(proof(3, Some((0.9, 1.01))).verdict(), Verdict::NotFaster);
        assert_eq!(proof(3, None).verdict(), Verdict::Inconclusive);
        assert_eq!(proof(0, Some((1.03, 1.4))).verdict(), Verdict::Refused);
        let equal = Proof {
            equality_only: true,
            ..proof(3, None)
        };
        assert_eq!(equal.verdict(), Verdict::Equal);
    }

    #[test]
    fn a_function_without_any_compared_call_spoils_the_proof_if_it_is_called() {
        let mut two = proof(3, Some((2.0, 3.0)));
        two.functions.push(FunctionProof::default());
        assert_eq!(
            two.verdict(),
            Verdict::Accepted,
            "nobody calls the other one"
        );
        two.functions[1].calls = 1;
        assert_eq!(two.verdict(), Verdict::Refused);
    }

    #[test]
    fn tests_that_end_otherwise_reject() {
        let run = |outcome: &str| TestRun {
            status: 0,
            outcomes: [("t::a".to_owned(), outcome.to_owned())].into(),
        };
        let tests = Tests {
            command: "pytest".into(),
            old: run("passed"),
            new: run("failed"),
        };
        assert_eq!(tests.changed(), [("t::a", "passed", "failed")]);
        let rejected = Proof {
            tests: Some(tests),
            ..proof(3, Some((2.0, 3.0)))
        };
        assert_eq!(rejected.verdict(), Verdict::Rejected);
    }
}
