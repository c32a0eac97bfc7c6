//! Call statistics in the shape of Python's `pstats`: what a `.prof` file holds.
//!
//! Times are seconds in floats and counts may come from a file, so nothing here is bounded by a law:
//! counts saturate. The order of functions is that of the file, because `pstats` sorts stably and
//! its tables depend on it.

use super::{CallEdge, CallGraph, CallSite, TracedFunction};
use pitstop_model::{FileKind, FunctionId, Profile};
use rustc_hash::FxHashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What `pstats` calls a function; its order is that of Python's tuples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The file's full name; `~` for functions without Python code.
    pub file: Arc<str>,
    /// The line of the `def`; 0 for functions without Python code.
    pub line: i64,
    /// `co_name`, or what a function without Python code calls itself.
    pub name: Arc<str>,
}

impl Label {
    /// The label of a function of a profile.
    pub fn of(profile: &Profile, id: FunctionId) -> Self {
        let function = profile.places.function(id);
        let file = profile.places.file(function.file);
        if file.kind == FileKind::Native {
            return Self {
                file: "~".into(),
                line: 0,
                name: profile.text(function.qualname).into(),
            };
        }
        Self {
            file: profile.text(file.path).into(),
            line: function.first_line.into(),
            name: profile.text(function.name).into(),
        }
    }

    /// The same without the directories of the file, as `Stats.strip_dirs` makes it.
    pub fn stripped(&self) -> Self {
        // `os.path.basename`: what follows the last slash, which is nothing after a final one.
        let base = self.file.rsplit('/').next().unwrap_or_default();
        Self {
            file: base.into(),
            ..self.clone()
        }
    }

    /// The file's name without its ending: what gprof2dot calls a module.
    pub fn module(&self) -> &str {
        let stem = Path::new(&*self.file).file_stem();
        stem.and_then(|stem| stem.to_str()).unwrap_or_default()
    }
}

/// `app.py:12(parse)`, or `{built-in method builtins.len}`: how `pstats` prints it.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, name } = self;
        if &**file != "~" || *line != 0 {
            return write!(f, "{file}:{line}({name})");
        }
        let inner = name
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'));
        match inner {
            Some(inner) => write!(f, "{{{inner}}}"),
            None => f.write_str(name),
        }
    }
}

/// What is known of a function as called by one caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Caller {
    /// Calls only: files of the old pure-Python `profile`, and samplers'.
    Count(u64),
    /// Calls with their times.
    Timed {
        /// All calls.
        calls: u64,
        /// Calls at which the pair was not on the path already.
        primitive: u64,
        /// Own time of the function, in seconds.
        own_s: f64,
        /// Time of the primitive calls with all they called, in seconds.
        total_s: f64,
    },
}

impl Caller {
    /// All calls.
    pub fn calls(self) -> u64 {
        match self {
            Self::Count(calls) | Self::Timed { calls, .. } => calls,
        }
    }

    /// Both together.
    fn plus(self, more: Self) -> Self {
        match (self, more) {
            (
                Self::Timed {
                    calls,
                    primitive,
                    own_s,
                    total_s,
                },
                Self::Timed {
                    calls: more_calls,
                    primitive: more_primitive,
                    own_s: more_own_s,
                    total_s: more_total_s,
                },
            ) => Self::Timed {
                calls: more_calls.saturating_add(calls),
                primitive: more_primitive.saturating_add(primitive),
                own_s: more_own_s + own_s,
                total_s: more_total_s + total_s,
            },
            (one, other) => Self::Count(one.calls().saturating_add(other.calls())),
        }
    }
}

/// A function with what it cost and who called it.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCalls {
    /// The function.
    pub label: Label,
    /// Calls at which it was not on the path already.
    pub primitive: u64,
    /// All calls.
    pub calls: u64,
    /// Own time, in seconds.
    pub own_s: f64,
    /// Time of the primitive calls with all they called, in seconds.
    pub total_s: f64,
    /// Its callers, each once, in the order of the file.
    pub callers: Vec<(Label, Caller)>,
}

/// Functions with their calls, each function once.
#[derive(Clone, Debug, Default)]
pub struct CallTable {
    functions: Vec<FunctionCalls>,
    by_label: FxHashMap<Label, usize>,
    /// True when calls are samples: files of Python 3.15's sampling profiler.
    pub is_sampled: bool,
    /// All calls, as `pstats` adds them up.
    pub calls: u64,
    /// All primitive calls.
    pub primitive: u64,
    /// Own time of all functions, in seconds, added up in the order of the file.
    pub own_s: f64,
}

impl CallTable {
    /// The functions, in the order of the file.
    pub fn functions(&self) -> &[FunctionCalls] {
        &self.functions
    }

    /// The function of that label.
    pub fn get(&self, label: &Label) -> Option<&FunctionCalls> {
        self.by_label
            .get(label)
            .map(|&index| &self.functions[index])
    }

    /// Adds a function. What is known of its label already is added to it.
    pub fn add(&mut self, function: FunctionCalls) {
        self.calls = self.calls.saturating_add(function.calls);
        self.primitive = self.primitive.saturating_add(function.primitive);
        self.own_s += function.own_s;
        self.merge(function);
    }

    /// Adds another table, as `Stats.add` does.
    pub fn add_table(&mut self, table: Self) {
        self.calls = self.calls.saturating_add(table.calls);
        self.primitive = self.primitive.saturating_add(table.primitive);
        self.own_s += table.own_s;
        self.is_sampled |= table.is_sampled;
        for function in table.functions {
            self.merge(function);
        }
    }

    /// The same without the directories of files. Functions that become equal are added up; of
    /// equal callers of one function the last one holds, as `Stats.strip_dirs` has it.
    pub fn strip_dirs(&self) -> Self {
        let mut stripped = Self {
            functions: Vec::new(),
            by_label: FxHashMap::default(),
            ..*self
        };
        for function in &self.functions {
            let mut callers: Vec<(Label, Caller)> = Vec::with_capacity(function.callers.len());
            let mut known: FxHashMap<Label, usize> = FxHashMap::default();
            for (label, caller) in &function.callers {
                let label = label.stripped();
                match known.get(&label) {
                    Some(&at) => callers[at].1 = *caller,
                    None => {
                        known.insert(label.clone(), callers.len());
                        callers.push((label, *caller));
                    }
                }
            }
            let function = FunctionCalls {
                label: function.label.stripped(),
                callers,
                ..function.clone()
            };
            stripped.merge(function);
        }
        stripped
    }

    /// Adds a function, but not to the totals. Which way round two floats are added is no matter.
    fn merge(&mut self, function: FunctionCalls) {
        let Some(&index) = self.by_label.get(&function.label) else {
            self.by_label
                .insert(function.label.clone(), self.functions.len());
            self.functions.push(function);
            return;
        };
        let known = &mut self.functions[index];
        known.primitive = known.primitive.saturating_add(function.primitive);
        known.calls = known.calls.saturating_add(function.calls);
        known.own_s += function.own_s;
        known.total_s += function.total_s;
        let mut positions: FxHashMap<Label, usize> = FxHashMap::default();
        for (at, (label, _)) in known.callers.iter().enumerate() {
            positions.insert(label.clone(), at);
        }
        for (label, caller) in function.callers {
            match positions.get(&label) {
                Some(&at) => known.callers[at].1 = known.callers[at].1.plus(caller),
                None => {
                    positions.insert(label.clone(), known.callers.len());
                    known.callers.push((label, caller));
                }
            }
        }
    }
}

impl From<&CallGraph> for CallTable {
    fn from(graph: &CallGraph) -> Self {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let mut table = Self::default();
        for function in &graph.functions {
            let callers = function.callers.iter().map(|(caller, edge)| {
                let caller = graph.functions[*caller].label.clone();
                let timed = Caller::Timed {
                    calls: edge.calls,
                    primitive: edge.primitive,
                    own_s: seconds(edge.self_ns),
                    total_s: seconds(edge.cumulative_ns),
                };
                (caller, timed)
            });
            table.add(FunctionCalls {
                label: function.label.clone(),
                primitive: function.primitive,
                calls: function.calls(),
                own_s: seconds(function.cost.self_ns),
                total_s: seconds(function.cumulative_ns),
                callers: callers.collect(),
            });
        }
        table
    }
}

/// Of what a file holds, as a graph. Times are rounded to nanoseconds; callers that the file does not
/// tell of itself are left out.
impl From<&CallTable> for CallGraph {
    fn from(table: &CallTable) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts of floats saturate"
        )]
        // The sum of all fits 64 bits if no part exceeds its share of them.
        let ns = |seconds: f64| ((seconds * 1e9).round() as u64).min(u64::MAX >> 10);
        let functions = table.functions.iter().map(|function| {
            let label = function.label.clone();
            let (name, file) = (label.name.clone(), label.file.clone());
            let mut traced = TracedFunction::new(label, name, file, None);
            traced.cost.calls = function.calls;
            traced.cost.self_ns = ns(function.own_s);
            traced.primitive = function.primitive;
            traced.cumulative_ns = ns(function.total_s);
            traced.lines = vec![(0, traced.cost.self_ns)];
            let callers = function.callers.iter().filter_map(|(label, caller)| {
                let index = *table.by_label.get(label)?;
                Some((index, edge(*caller, ns)))
            });
            traced.callers = callers.collect();
            traced.callers.sort_by_key(|&(caller, _)| caller);
            traced
        });
        Self {
            is_sampled: table.is_sampled,
            functions: functions.collect(),
        }
    }
}

fn edge(caller: Caller, ns: impl Fn(f64) -> u64) -> CallEdge {
    let (calls, primitive, self_ns, cumulative_ns) = match caller {
        Caller::Count(calls) => (calls, calls, 0, 0),
        Caller::Timed {
            calls,
            primitive,
            own_s,
            total_s,
        } => (calls, primitive, ns(own_s), ns(total_s)),
    };
    CallEdge {
        calls,
        primitive,
        self_ns,
        cumulative_ns,
        sites: vec![(
            0,
            CallSite {
                calls,
                cumulative_ns,
            },
        )],
    }
}
