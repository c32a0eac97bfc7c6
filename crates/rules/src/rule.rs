//! What a page is: the trait and the words that go with it.

use crate::judge::{self, Evidence};
use pitstop_model::{EvidenceKind, FixClass, Interval, Judgement};
use pitstop_source::syntax::NodeKind;
use pitstop_source::{Edit, Module, NodeId, Span};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// A better algorithm or data structure.
    Algorithm,
    /// What loops do again and again.
    Loop,
    /// Building and searching text.
    Text,
    /// Bytes and objects.
    Memory,
    /// Remembered results.
    Cache,
    /// Files, networks, processes.
    Io,
    /// Databases.
    Database,
    /// Numbers in bulk.
    Numeric,
    /// Event loops.
    Async,
    /// Threads and processes.
    Parallel,
    /// Imports and start-up.
    Startup,
    /// Single operations.
    Micro,
}

impl Category {
    /// Its name on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Loop => "loop",
            Self::Text => "text",
            Self::Memory => "memory",
            Self::Cache => "cache",
            Self::Io => "io",
            Self::Database => "database",
            Self::Numeric => "numeric",
            Self::Async => "async",
            Self::Parallel => "parallel",
            Self::Startup => "startup",
            Self::Micro => "micro",
        }
    }
}

/// What people read about a rule. Markdown, each a paragraph or a list.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// What is slow, and why.
    pub what: &'static str,
    /// When a change pays.
    pub pays: &'static str,
    /// When it does not.
    pub not: &'static str,
    /// What must hold for the change to keep the meaning.
    pub preconditions: &'static str,
    /// Python that has it, and behind a line `# better:` Python that has not.
    pub example: &'static str,
}

/// Slow and fast Python that do the same, to be measured on the interpreter in use.
///
/// The text defines `setup(n)`, whose result is given to `slow(data)` and `fast(data)`; both
/// return equal values, and neither changes `data`.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The text.
    pub text: &'static str,
    /// What `n` counts: `items in the list`.
    pub unit: &'static str,
    /// Sizes to show: one where it hardly pays, and larger ones.
    pub sizes: &'static [u64],
}

/// What is known about a rule without looking at code.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// `PS101`; never given to another rule.
    pub code: &'static str,
    /// `list-membership`.
    pub slug: &'static str,
    /// In a few words, without a full stop.
    pub title: &'static str,
    /// What it is about.
    pub category: Category,
    /// How cost grows: `O(n²)`, or nothing.
    pub growth: &'static str,
    /// What a run must tell; without it a finding is plausible at most.
    pub needs: &'static [EvidenceKind],
    /// The best that its fix can be.
    pub class: FixClass,
    /// The first minor version of Python 3 that it holds for.
    pub since: Option<u8>,
    /// Codes of other tools that mean the same.
    pub overlaps: &'static [&'static str],
    /// What people read.
    pub manual: Manual,
    /// What is measured.
    pub pair: Pair,
    /// A file of Python in which a comment `# expect: CODE` stands in each line where the rule is
    /// to find something, and nowhere else.
    pub proof: &'static str,
}

/// A place where a rule may apply.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// What to underline.
    pub span: Span,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Other places that matter, and why.
    pub notes: Vec<(Span, String)>,
    /// Whatever else the page wants to find again: numbers of nodes of the same text.
    pub subjects: Vec<NodeId>,
}

/// Where a page puts its candidates.
#[derive(Debug, Default)]
pub struct Found {
    /// All so far.
    pub candidates: Vec<Candidate>,
}

impl Found {
    /// Adds a node, underlined whole.
    pub fn add(
        &mut self,
        module: &Module<'_>,
        node: NodeId,
        message: impl Into<String>,
    ) -> &mut Candidate {
        self.candidates.push(Candidate {
            node,
            span: module.span(node),
            message: message.into(),
            notes: Vec::new(),
            subjects: Vec::new(),
        });
        let last = self.candidates.len() - 1;
        &mut self.candidates[last]
    }
}

impl Candidate {
    /// Adds a place that matters.
    pub fn note(&mut self, span: Span, text: impl Into<String>) -> &mut Self {
        self.notes.push((span, text.into()));
        self
    }

    /// Adds a node to find again.
    pub fn subject(&mut self, node: NodeId) -> &mut Self {
        self.subjects.push(node);
        self
    }
}

/// What to watch in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    /// What it is to tell.
    pub kind: EvidenceKind,
    /// The expression or statement to watch.
    pub span: Span,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an instruction.
    pub title: String,
    /// How far it keeps the meaning.
    pub class: FixClass,
    /// What must hold and is not proved by the text.
    pub conditions: Vec<String>,
    /// The replacements.
    pub edits: Vec<Edit>,
}

/// Why there is no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What a person would do, as an instruction.
    pub advice: String,
    /// Why it is not done by itself.
    pub why: String,
}

impl Refusal {
    /// Makes one.
    pub fn new(advice: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            why: why.into(),
        }
    }
}

/// A page.
pub trait Rule: Sync {
    /// What is known without looking at code.
    fn meta(&self) -> &'static Meta;

    /// The kinds of nodes that it wants to see.
    fn kinds(&self) -> &'static [NodeKind];

    /// Looks at one node of those kinds.
    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found);

    /// What to watch in a run. Everything that the rule needs, at the underlined place, unless a
    /// page knows better.
    fn probes(&self, module: &Module<'_>, candidate: &Candidate) -> Vec<Probe> {
        let _ = module;
        let span = candidate.span;
        let needs = self.meta().needs.iter();
        needs.map(|kind| Probe { kind: *kind, span }).collect()
    }

    /// The text whose time it is about: what is underlined, unless a page knows better.
    fn region(&self, module: &Module<'_>, candidate: &Candidate) -> Span {
        let _ = module;
        candidate.span
    }

    /// The size to measure the pair at for what was seen.
    ///
    /// # Errors
    /// Why it does not pay here, if what was seen settles that already.
    fn size(&self, evidence: &Evidence) -> Result<u64, String> {
        judge::size(evidence)
    }

    /// What evidence means; `factor` is the pair's, at the size that [`Rule::size`] names.
    fn judge(&self, evidence: &Evidence, factor: Option<Interval>) -> Judgement {
        judge::judge(self.meta(), self.size(evidence), evidence, factor)
    }

    /// The change.
    ///
    /// # Errors
    /// Why there is none, and what a person would do.
    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal>;
}

impl std::fmt::Debug for dyn Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.meta().code)
    }
}
