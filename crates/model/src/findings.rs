//! Findings: what a rule says about a place in the source, and how sure that is.
//!
//! A finding stands by itself: it holds its own words and the path of its file, so that it can be
//! shown, stored and compared without the source and without the rules that made it.

/// A piece of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// The bytes of its text: the first, and the first behind it.
    pub bytes: (usize, usize),
    /// Line and column of the first character, from 1; columns are characters.
    pub start: (u32, u32),
    /// Line and column behind the last character.
    pub end: (u32, u32),
}

/// From a number to a number, in the unit of whoever holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// What is most likely.
    pub middle: f64,
    /// The upper end.
    pub high: f64,
}

/// How sure a finding is.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Cost was measured here, and what the rule needs to know was seen.
    Confirmed {
        /// How many times faster the place would be.
        factor: Interval,
        /// What the whole run would save, in nanoseconds.
        saving_ns: Interval,
    },
    /// The source looks like it; something that only a run can tell is missing.
    Plausible {
        /// What is missing, by the codes of [`EvidenceKind`].
        missing: Vec<EvidenceKind>,
    },
    /// It does not pay here.
    Refuted {
        /// Why, as a sentence without a full stop.
        why: String,
    },
    /// It was not looked at: the place did not run, or there was no time for it.
    NotMeasured,
}

impl Judgement {
    /// Its name in documents.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Confirmed { .. } => "confirmed",
            Self::Plausible { .. } => "plausible",
            Self::Refuted { .. } => "refuted",
            Self::NotMeasured => "not-measured",
        }
    }
}

/// What only a run can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// The share of time of the place.
    Share = 1,
    /// How often it ran.
    Count = 2,
    /// Type and size of a container or operand.
    TypeAndSize = 3,
    /// How often a function was called with the same arguments.
    Repetition = 4,
    /// Statements, requests and files by call site.
    Operations = 5,
    /// Shares of waiting.
    Waiting = 6,
    /// Allocated bytes.
    Allocation = 7,
    /// Live instances.
    Instances = 8,
    /// Cost of imports.
    Imports = 9,
    /// How often an exception was raised.
    Raises = 10,
    /// The share of native code.
    Native = 11,
    /// How many of how many were needed.
    Needed = 12,
}

impl EvidenceKind {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Count => "count",
            Self::TypeAndSize => "type-and-size",
            Self::Repetition => "repetition",
            Self::Operations => "operations",
            Self::Waiting => "waiting",
            Self::Allocation => "allocation",
            Self::Instances => "instances",
            Self::Imports => "imports",
            Self::Raises => "raises",
            Self::Native => "native",
            Self::Needed => "needed",
        }
    }

    /// What it tells, as people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Share => "its share of the time",
            Self::Count => "how often it runs",
            Self::TypeAndSize => "the type and size of what it works on",
            Self::Repetition => "how often arguments repeat",
            Self::Operations => "how many statements, requests or files it causes",
            Self::Waiting => "what it waits for",
            Self::Allocation => "what it allocates",
            Self::Instances => "how many objects live",
            Self::Imports => "what imports cost",
            Self::Raises => "how often it raises",
            Self::Native => "the share of native code",
            Self::Needed => "how much of the result is needed",
        }
    }
}

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What kind of thing.
    pub kind: EvidenceKind,
    /// In words: `list of 11,994 items, 16,000 tests`.
    pub text: String,
}

/// How far a change keeps the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FixClass {
    /// By construction.
    Safe,
    /// If a fact about types holds, which a run must confirm.
    TypeConditional,
    /// But for a corner that the rule names.
    Behavioural,
    /// Nothing is changed: people do it by hand.
    Advice,
}

impl FixClass {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::TypeConditional => "type-conditional",
            Self::Behavioural => "behavioural",
            Self::Advice => "advice",
        }
    }
}

/// One replacement of bytes in the finding's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The bytes that go: the first, and the first behind them.
    pub bytes: (usize, usize),
    /// What comes.
    pub text: String,
}

/// What can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A change that was made and checked: it is Python and changes nothing else.
    Edit {
        /// What it does, as an instruction.
        title: String,
        /// How far it keeps the meaning.
        class: FixClass,
        /// What must hold, and is not proved by the text.
        conditions: Vec<String>,
        /// The replacements, in order.
        edits: Vec<Replacement>,
    },
    /// What a person would do, and why no edit is offered.
    ByHand {
        /// What to do, as an instruction.
        advice: String,
        /// Why it is not done by itself.
        why: String,
    },
}

/// What a rule says about a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's code: `PS101`.
    pub rule: String,
    /// The rule's name: `list-membership`.
    pub slug: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// How cost grows: `O(n²)`; empty where it does not.
    pub growth: String,
    /// Where.
    pub place: Place,
    /// The function it is in, as its code object is called.
    pub function: String,
    /// Other places that matter, and why.
    pub notes: Vec<(Place, String)>,
    /// How sure it is.
    pub judgement: Judgement,
    /// The time of its place in the run that was looked at, in nanoseconds, with what was called
    /// from there; nothing if there was no run.
    pub measured_ns: Option<Interval>,
    /// What was seen.
    pub evidence: Vec<Seen>,
    /// What to do.
    pub remedy: Remedy,
}

/// A rule that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleName {
    /// `PS101`.
    pub code: String,
    /// `list-membership`.
    pub slug: String,
    /// In a few words.
    pub title: String,
}

/// Everything that a check of some files gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// By file and place.
    pub findings: Vec<Finding>,
    /// Findings that a comment ignores, each with its reason.
    pub ignored: Vec<(Finding, String)>,
    /// Files, or parts of them, that could not be understood, and why.
    pub problems: Vec<(Place, String)>,
    /// What is wrong with comments that ignore.
    pub remarks: Vec<(Place, String)>,
    /// The rules that were asked.
    pub rules: Vec<RuleName>,
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Findings {
    /// Findings with an edit that is ready.
    pub fn editable(&self) -> usize {
        let mut all = self.findings.iter().map(|finding| &finding.remedy);
        let edits = all.by_ref().filter(|it| matches!(it, Remedy::Edit { .. }));
        edits.count()
    }
}
