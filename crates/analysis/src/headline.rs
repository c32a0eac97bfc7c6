//! The one thing to say first about a run.
//!
//! A headline claims what was measured and no more. These questions are asked in their order; the
//! first that is answered with yes is the headline:
//!
//! 1. Did the program mostly start up?
//! 2. Are there too few samples to say anything?
//! 3. Is memory nearly used up?
//! 4. Does waiting dominate?
//! 5. Do threads wait for the GIL?
//! 6. Does one line dominate? One function?
//! 7. Are there several lines that matter? Or none?

use crate::cost::{Doing, ratio};
use crate::hot::{Hot, HotFunction, HotLine};
use crate::split::Split;
use crate::threads::ThreadTotals;
use crate::verdict::Memory;
use crate::wait::WaitPlace;

/// With fewer samples nothing is said about lines: a share of 20 % could as well be 40 %.
pub const FEWEST_SAMPLES: u64 = 30;

/// Runs shorter than this are too short for the default rate, in nanoseconds.
const SHORT_NS: f64 = 500e6;

// The thresholds of the questions, as shares of the elapsed time. They are judgements.
const STARTUP: f64 = 0.5;
const MEMORY: f64 = 0.9;
const WAITING: f64 = 0.6;
const GIL: f64 = 0.25;
const ONE_LINE: f64 = 0.3;
const ONE_FUNCTION: f64 = 0.5;
const WORTH_NAMING: f64 = 0.05;

/// How many lines [`Headline::ManySmall`] names.
const NAMED: usize = 5;

/// Why there are too few samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFew {
    /// No Python thread was ever seen.
    NothingSeen,
    /// The run was short.
    ShortRun,
    /// The run was long enough, but sampled slowly.
    SlowRate,
}

/// What dominates a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Headline {
    /// Most of the time passed before the first line of the program ran.
    MostlyStartup {
        /// The share (0 to 1) of the elapsed time.
        share: f64,
        /// That time, in nanoseconds.
        startup_ns: f64,
    },
    /// There is too little to judge by.
    TooFewSamples {
        /// How many there are.
        samples: u64,
        /// How long the run was, in nanoseconds.
        elapsed_ns: f64,
        /// Why there are so few.
        why: TooFew,
    },
    /// The program used nearly all the memory it could have.
    MemoryBound {
        /// Its peak, in bytes.
        peak_bytes: u64,
        /// What it could have, in bytes.
        limit_bytes: u64,
    },
    /// The program mostly waited.
    WaitingDominates {
        /// The share (0 to 1) of the elapsed time.
        share: f64,
        /// The number of places it waited at.
        places: usize,
        /// The place it waited longest at, and for what.
        longest: WaitPlace,
        /// True if more than half of all waiting was there.
        mostly: bool,
    },
    /// Threads hold each other up at the GIL.
    GilBoundThreads {
        /// How many threads of one process take part.
        threads: usize,
        /// How long they together held the GIL or waited for it, in nanoseconds.
        ready_ns: f64,
        /// How long of that they waited, in nanoseconds.
        waited_ns: f64,
    },
    /// One line has a large share of its own.
    OneLineDominates {
        /// The line.
        line: Box<HotLine>,
    },
    /// One function has a large share of its own, spread over its lines.
    OneFunctionDominates {
        /// The function.
        function: Box<HotFunction>,
    },
    /// Several lines matter, none dominates.
    ManySmall {
        /// The lines, costliest first; at most five.
        lines: Vec<HotLine>,
        /// Their share (0 to 1) together.
        share: f64,
    },
    /// No line matters.
    NothingStandsOut {
        /// The costliest line, if there is any.
        hottest: Option<Box<HotLine>>,
    },
}

/// What a headline is chosen from.
pub(crate) struct Evidence<'a> {
    pub(crate) split: &'a Split,
    pub(crate) instants: u64,
    pub(crate) memory: &'a Memory,
    pub(crate) hot: &'a Hot,
    pub(crate) waits: &'a [WaitPlace],
    pub(crate) threads: &'a [ThreadTotals],
}

impl Headline {
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        mostly_startup(evidence)
            .or_else(|| too_few_samples(evidence))
            .or_else(|| memory_bound(evidence))
            .or_else(|| waiting_dominates(evidence))
            .or_else(|| gil_bound_threads(evidence))
            .or_else(|| one_line_dominates(evidence))
            .or_else(|| one_function_dominates(evidence))
            .unwrap_or_else(|| many_small(evidence))
    }
}

fn mostly_startup(evidence: &Evidence<'_>) -> Option<Headline> {
    let share = evidence.split.startup_share();
    (share > STARTUP).then_some(Headline::MostlyStartup {
        share,
        startup_ns: evidence.split.startup_ns,
    })
}

fn too_few_samples(evidence: &Evidence<'_>) -> Option<Headline> {
    let elapsed_ns = evidence.split.total_ns();
    let why = match evidence.instants {
        FEWEST_SAMPLES.. => return None,
        _ if elapsed_ns < SHORT_NS => TooFew::ShortRun,
        0 => TooFew::NothingSeen,
        _ => TooFew::SlowRate,
    };
    Some(Headline::TooFewSamples {
        samples: evidence.instants,
        elapsed_ns,
        why,
    })
}

fn memory_bound(evidence: &Evidence<'_>) -> Option<Headline> {
    let Memory {
        peak_rss_bytes: peak_bytes,
        limit_bytes,
        ..
    } = *evidence.memory;
    let part = ratio(peak_bytes as f64, limit_bytes as f64);
    (part >= MEMORY).then_some(Headline::MemoryBound {
        peak_bytes,
        limit_bytes,
    })
}

fn waiting_dominates(evidence: &Evidence<'_>) -> Option<Headline> {
    let share = evidence.split.share(Doing::Waiting);
    let longest = evidence.waits.first().filter(|_| share > WAITING)?;
    Some(Headline::WaitingDominates {
        share,
        places: evidence.waits.len(),
        mostly: longest.share > share / 2.0,
        longest: longest.clone(),
    })
}

fn gil_bound_threads(evidence: &Evidence<'_>) -> Option<Headline> {
    if evidence.split.share(Doing::GilWait) < GIL {
        return None;
    }
    // The process whose threads waited longest, and those of its threads that took part.
    let waited = |t: &ThreadTotals| t.cost.ns(Doing::GilWait);
    let process = evidence
        .threads
        .iter()
        .max_by(|a, b| waited(a).total_cmp(&waited(b)))?
        .pid;
    let of_process = || evidence.threads.iter().filter(|t| t.pid == process);
    let all_ready_ns: f64 = of_process().map(ThreadTotals::ready_for_gil_ns).sum();
    let rivals: Vec<_> = of_process()
        .filter(|t| t.ready_for_gil_ns() >= WORTH_NAMING * all_ready_ns)
        .collect();
    (rivals.len() >= 2).then(|| Headline::GilBoundThreads {
        threads: rivals.len(),
        ready_ns: rivals.iter().map(|t| t.ready_for_gil_ns()).sum(),
        waited_ns: rivals.iter().map(|t| waited(t)).sum(),
    })
}

fn one_line_dominates(evidence: &Evidence<'_>) -> Option<Headline> {
    let line = evidence.hot.lines.first()?;
    (line.share >= ONE_LINE).then(|| Headline::OneLineDominates {
        line: Box::new(line.clone()),
    })
}

fn one_function_dominates(evidence: &Evidence<'_>) -> Option<Headline> {
    let function = evidence.hot.functions.first()?;
    (function.share >= ONE_FUNCTION).then(|| Headline::OneFunctionDominates {
        function: Box::new(function.clone()),
    })
}

fn many_small(evidence: &Evidence<'_>) -> Headline {
    let lines: Vec<HotLine> = evidence
        .hot
        .lines
        .iter()
        .filter(|line| line.share >= WORTH_NAMING)
        .take(NAMED)
        .cloned()
        .collect();
    if lines.len() < 2 {
        return Headline::NothingStandsOut {
            hottest: evidence.hot.lines.first().cloned().map(Box::new),
        };
    }
    Headline::ManySmall {
        share: lines.iter().map(|line| line.share).sum(),
        lines,
    }
}
