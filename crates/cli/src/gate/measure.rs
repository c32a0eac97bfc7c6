//! Measuring what budgets limit, check by check.

use super::config::{Budget, Config, Wanted};
use super::derived::{functions, import_of, is_led_astray, new_modules, sized};
use super::sides::Sides;
use super::waivers::Promise;
use crate::exit::{Failure, Status};
use crate::trial::{Follower, explain};
use pitstop_analysis::gate::{
    Check, CountLimit, Date, Gate, Judged, Kind, LEAST_SIZES, Limit, State, Waiver, culprits,
    forbidden, of_complexity, of_counts, of_growth, of_maximum, of_memory, of_memory_pairs,
    of_percentile, of_percentile_pairs, processes_needed,
};
use pitstop_analysis::trials::{Question, compare_pairs, measured, noise, process_values};
use pitstop_bench::{Contender, Counting, Counts, Error, Options, Outcome, Work, bench, compare};
use pitstop_model::{Clock, Trials};
use std::time::{Duration, Instant};

/// Calls of a process for a percentile: enough to have some beyond a 99th, if time allows.
const MOST_CALLS: f64 = 300.0;
const LEAST_CALLS: f64 = 20.0;

/// Percentiles at the end of a distribution scatter more than medians: so many times the pairs that
/// a range takes at least. Of a gate of equal sides on a loaded machine, two of four were open with
/// once as many.
const TAIL_PAIRS: usize = 3;

/// Processes for each size of a growth.
const PROCESSES_A_SIZE: usize = 4;

/// Measures.
pub(crate) struct Meter<'a> {
    config: &'a Config,
    sides: &'a Sides,
    options: Options,
    follower: Follower,
    /// How often each check may be wrong, so that all of them together are not more often.
    alpha: f64,
    today: Date,
    stopped: bool,
    /// What disturbed the measurement before.
    noise: Vec<String>,
}

/// Why a check has no numbers.
enum Trouble {
    /// It does not run in the base.
    New(String),
    /// It cannot be measured.
    Missing(String),
    /// Somebody pressed Ctrl-C.
    Stopped,
    /// It goes no further at all.
    Fatal(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Fatal(failure)
    }
}

/// What was counted of a budget on both sides.
#[derive(Default)]
struct Tally {
    known: Vec<(Counting, Option<Counts>, Counts)>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(
        config: &'a Config,
        sides: &'a Sides,
        seed: u64,
        today: Date,
    ) -> Result<Self, Failure> {
        let all = config.budgets.iter().flat_map(|budget| &budget.limits);
        let by_chance = all.filter(|wanted| !wanted.kind.is_counted()).count();
        Ok(Self {
            config,
            sides,
            options: Options {
                seed,
                budget: config.time,
                ..Options::default()
            },
            follower: Follower::new()?,
            alpha: config.error / by_chance.max(1) as f64,
            today,
            stopped: false,
            noise: Vec::new(),
        })
    }

    /// All budgets.
    pub(crate) fn all(mut self, gate: &mut Gate) -> Result<(), Failure> {
        let start = Instant::now();
        for budget in &self.config.budgets {
            let mut tally = Tally::default();
            for wanted in &budget.limits {
                if self.stopped {
                    break;
                }
                let check = self.check(budget, wanted, &mut tally)?;
                gate.checks.extend(check);
            }
        }
        gate.stopped = self.stopped;
        gate.duration_ns = start.elapsed().as_nanos() as u64;
        Ok(())
    }

    /// One check; `None` if it was stopped.
    fn check(
        &mut self,
        budget: &Budget,
        wanted: &Wanted,
        tally: &mut Tally,
    ) -> Result<Option<Check>, Failure> {
        let mut check = Check {
            budget: budget.name.clone(),
            work: budget.work.text(),
            kind: wanted.kind,
            limit: wanted.limit.clone(),
            line: wanted.line,
            base: None,
            head: None,
            interval: None,
            state: State::NotMeasured,
            notes: Vec::new(),
            culprits: Vec::new(),
            waiver: None,
        };
        let judged = self.judge(budget, wanted, tally, &mut check);
        match judged {
            Ok(judged) => {
                (check.base, check.head) = (judged.base, judged.head);
                (check.interval, check.state) = (judged.interval, judged.state);
            }
            Err(Trouble::New(why)) => {
                check.state = State::New;
                check
                    .notes
                    .push(format!("it does not run in the base: {why}"));
            }
            Err(Trouble::Missing(why)) => check.notes.push(why),
            Err(Trouble::Stopped) => {
                self.stopped = true;
                return Ok(None);
            }
            Err(Trouble::Fatal(failure)) => return Err(failure),
        }
        if matches!(check.state, State::Broken | State::Inconclusive) {
            self.explain(budget, tally, &mut check);
        }
        if check.state == State::Inconclusive && !check.kind.is_counted() {
            check.notes.append(&mut self.noise);
        }
        let promise = self
            .config
            .waivers
            .iter()
            .find(|known| known.is_for(&budget.name, wanted));
        check.waiver = promise.map(|promise| self.waiver(promise, &check));
        Ok(Some(check))
    }

    fn judge(
        &mut self,
        budget: &Budget,
        wanted: &Wanted,
        tally: &mut Tally,
        check: &mut Check,
    ) -> Result<Judged, Trouble> {
        if matches!(wanted.limit, Limit::Growth(_)) {
            self.is_apart(budget, tally)?;
        }
        match (wanted.kind, &wanted.limit) {
            (Kind::Complexity, Limit::Class(most)) => self.grows(budget, *most, check),
            (Kind::Time, limit) => self.time(&budget.name, &budget.work, limit, false),
            (Kind::ImportTime, limit) => {
                let work = import_of(&budget.work);
                self.time(&budget.name, &work, limit, true)
            }
            (Kind::PeakRss, limit) => self.memory(budget, limit),
            (Kind::Latency(share), limit) => self.latency(budget, share, limit, check),
            (Kind::Forbidden, Limit::Modules(names)) => {
                let (_, head) = self.counts(budget, Counting::Imports, false, tally)?;
                let found = forbidden(&head.modules, names);
                let count = [found.len() as u64];
                if !found.is_empty() {
                    check.notes.push(format!("imported: {}", found.join(", ")));
                }
                Ok(of_counts(None, &count, CountLimit::Most(0.0)))
            }
            (kind, limit) => {
                let counting = match kind {
                    Kind::PeakAllocated => Counting::Memory,
                    Kind::Allocations => Counting::Allocations,
                    Kind::Imports => Counting::Imports,
                    _ => Counting::Bytecodes,
                };
                let limit = match limit {
                    Limit::Most(most) => CountLimit::Most(*most),
                    Limit::Growth(growth) => CountLimit::Growth(*growth),
                    Limit::Modules(_) | Limit::Class(_) => CountLimit::Growth(0.0),
                };
                let needs_base = matches!(limit, CountLimit::Growth(_));
                let (base, head) = self.counts(budget, counting, needs_base, tally)?;
                let base = base.as_ref().map(|counts| counts.values.as_slice());
                let judged = of_counts(base, &head.values, limit);
                let varies = head.values.windows(2).any(|pair| pair[0] != pair[1]);
                if varies && judged.state == State::Inconclusive {
                    check
                        .notes
                        .push("the count depends on the hash seed".into());
                }
                Ok(judged)
            }
        }
    }

    /// Makes sure that each side imports its own module: an editable install of a package that is
    /// not in `src` would lead both to the working tree, and nothing would ever be slower.
    fn is_apart(&mut self, budget: &Budget, tally: &mut Tally) -> Result<(), Trouble> {
        if !matches!(budget.work, Work::Function { .. }) {
            return Ok(());
        }
        let (base, _) = self.counts(budget, Counting::Imports, true, tally)?;
        let (root, here) = self.sides.directories();
        let home = base.and_then(|counts| counts.home);
        match (home, root) {
            (Some(home), Some(root)) if is_led_astray(&home, root, here) => {
                Err(Trouble::Missing(format!(
                    "in the base it is imported from the working tree too, `{}`: an editable \
                     install leads there; install the project without -e, or run it where it is \
                     not installed",
                    home.display()
                )))
            }
            _ => Ok(()),
        }
    }

    /// The sides of some work. A growth needs both.
    fn both(&self, name: &str, work: &Work) -> Result<(Contender, Contender), Trouble> {
        let head = self.sides.head(name, work.clone())?;
        let base = self.sides.base(name, work.clone())?;
        let Some(base) = base else {
            return Err(Trouble::Missing(
                "it is a growth over a base, and there is no base".into(),
            ));
        };
        if let Work::Script { words } = work
            && let Some(script) = words.first()
            && !base.side.directory.join(script).exists()
        {
            let why = format!("there is no `{}`", script.to_string_lossy());
            return Err(Trouble::New(why));
        }
        Ok((base, head))
    }

    fn pairs(
        &mut self,
        (base, head): (&Contender, &Contender),
        options: &Options,
    ) -> Result<Trials, Trouble> {
        let outcome = compare([base, head], options, &mut self.follower);
        self.finished(outcome, Some(base))
    }

    fn alone(&mut self, head: &Contender, options: &Options) -> Result<Trials, Trouble> {
        let outcome = bench(std::slice::from_ref(head), options, &mut self.follower);
        self.finished(outcome, None)
    }

    fn finished(
        &mut self,
        outcome: Result<Outcome, Error>,
        base: Option<&Contender>,
    ) -> Result<Trials, Trouble> {
        let outcome = outcome.map_err(|error| trouble(&error, base))?;
        if outcome.stopped {
            return Err(Trouble::Stopped);
        }
        if let Some(error) = &outcome.failure {
            return Err(trouble(error, base));
        }
        let disturbed = noise(&outcome.trials);
        self.noise = pitstop_view::trials::disturbances(&disturbed);
        Ok(outcome.trials)
    }

    fn time(
        &mut self,
        name: &str,
        work: &Work,
        limit: &Limit,
        cold: bool,
    ) -> Result<Judged, Trouble> {
        let options = Options {
            alpha: self.alpha,
            cold,
            ..self.options.clone()
        };
        if let Limit::Growth(growth) = *limit {
            let (base, head) = self.both(name, work)?;
            let options = Options {
                line: Some(growth),
                least: growth,
                ..options
            };
            let trials = self.pairs((&base, &head), &options)?;
            let question = Question {
                alpha: self.alpha,
                least: growth,
                ..Question::default()
            };
            let comparison = compare_pairs(&trials, [0, 1], question);
            let comparison =
                comparison.ok_or_else(|| Trouble::Missing("no pair was measured".into()))?;
            return Ok(of_growth(&comparison, growth));
        }
        let head = self.sides.head(name, work.clone())?;
        let trials = self.alone(&head, &self.several(&options))?;
        Ok(of_maximum(&trials, 0, most(limit), self.alpha))
    }

    /// As many processes or pairs as a range takes, and no look at it before.
    fn several(&self, options: &Options) -> Options {
        let count = processes_needed(self.alpha);
        Options {
            processes: Some(count),
            pairs: Some(count),
            ..options.clone()
        }
    }

    fn memory(&mut self, budget: &Budget, limit: &Limit) -> Result<Judged, Trouble> {
        // Once to warm up, once more, and no more often: the same work in every process.
        let options = self.several(&Options {
            loops: Some(1),
            batches: Some(1),
            ..self.options.clone()
        });
        if let Limit::Growth(growth) = *limit {
            let (base, head) = self.both(&budget.name, &budget.work)?;
            let trials = self.pairs((&base, &head), &options)?;
            return Ok(of_memory_pairs(&trials, growth, self.alpha));
        }
        let head = self.sides.head(&budget.name, budget.work.clone())?;
        let trials = self.alone(&head, &options)?;
        Ok(of_memory(&trials, most(limit), self.alpha))
    }

    fn latency(
        &mut self,
        budget: &Budget,
        share: f64,
        limit: &Limit,
        check: &mut Check,
    ) -> Result<Judged, Trouble> {
        let head = self.sides.head(&budget.name, budget.work.clone())?;
        let single = Options {
            loops: Some(1),
            ..self.options.clone()
        };
        let first = Options {
            processes: Some(1),
            ..single.clone()
        };
        let trials = self.alone(&head, &first)?;
        let call_ns = measured(&trials, 0).map_or(1e6, |known| known.time.median.max(1e3));
        let pairs = TAIL_PAIRS * processes_needed(self.alpha);
        let processes = 2.0 * pairs as f64;
        let calls = self.config.time.as_nanos() as f64 / processes / call_ns;
        let calls = calls.clamp(LEAST_CALLS, MOST_CALLS) as usize;
        if (calls as f64) * (1.0 - share) < 1.0 {
            check.notes.push(format!(
                "{calls} calls in each process are few for {}",
                check.kind.key()
            ));
        }
        let options = Options {
            pairs: Some(pairs),
            ..self.several(&Options {
                batches: Some(calls),
                ..single
            })
        };
        if let Limit::Growth(growth) = *limit {
            let (base, head) = self.both(&budget.name, &budget.work)?;
            let trials = self.pairs((&base, &head), &options)?;
            return Ok(of_percentile_pairs(&trials, share, growth, self.alpha));
        }
        let trials = self.alone(&head, &options)?;
        Ok(of_percentile(&trials, share, most(limit), self.alpha))
    }

    /// Costs at ascending sizes, as long as time allows.
    fn grows(
        &mut self,
        budget: &Budget,
        most: pitstop_analysis::gate::Growth,
        check: &mut Check,
    ) -> Result<Judged, Trouble> {
        let Some((input, sizes)) = &budget.input else {
            return Err(Trouble::Missing("it has no input".into()));
        };
        let start = Instant::now();
        let options = Options {
            processes: Some(PROCESSES_A_SIZE),
            clock: Some(Clock::WallWithoutDelay),
            ..self.options.clone()
        };
        let mut rows: Vec<Vec<f64>> = vec![Vec::new(); PROCESSES_A_SIZE];
        let mut done: Vec<f64> = Vec::new();
        for &size in sizes {
            if let (Some(last), Some(ns)) = (done.last(), rows[0].last()) {
                // What a square would take, in the pilot and each process.
                let growth = (size as f64 / last).powi(2);
                let next =
                    Duration::from_nanos((ns * growth) as u64) * 3 * (1 + PROCESSES_A_SIZE as u32);
                if done.len() >= LEAST_SIZES && start.elapsed() + next > self.config.time {
                    break;
                }
            }
            let work = sized(&budget.work, input, size);
            let head = self
                .sides
                .head(&format!("{}, n = {size}", budget.name), work)?;
            let trials = self.alone(&head, &options)?;
            let values = process_values(&trials, 0, Clock::WallWithoutDelay);
            for (row, value) in rows.iter_mut().zip(values) {
                row.push(value);
            }
            done.push(size as f64);
        }
        let judged = of_complexity(&done, &rows, most, self.options.seed);
        let Some((found, state)) = judged else {
            return Err(Trouble::Missing("too few sizes were measured".into()));
        };
        let largest = done.last().copied().unwrap_or(0.0);
        check.notes.push(format!(
            "it looks like {}: time grows as n to the {:.2} up to n = {largest:.0}",
            found.best.growth.text(),
            found.exponent,
        ));
        if found.rising {
            check
                .notes
                .push("it still rises faster at the largest sizes".into());
        }
        Ok(Judged {
            base: None,
            head: None,
            interval: None,
            state,
        })
    }

    /// What was counted, in the base only if it is needed.
    fn counts(
        &mut self,
        budget: &Budget,
        counting: Counting,
        needs_base: bool,
        tally: &mut Tally,
    ) -> Result<(Option<Counts>, Counts), Trouble> {
        let known = tally
            .known
            .iter()
            .find(|(known, base, _)| *known == counting && (base.is_some() || !needs_base));
        if let Some((_, base, head)) = known {
            return Ok((base.clone(), head.clone()));
        }
        let mut of_base = None;
        if needs_base {
            let (base, _) = self.both(&budget.name, &budget.work)?;
            let counts = pitstop_bench::count(&base, counting, &mut self.follower);
            of_base = Some(counts.map_err(|error| trouble(&error, Some(&base)))?);
        }
        let head = self.sides.head(&budget.name, budget.work.clone())?;
        let counts = pitstop_bench::count(&head, counting, &mut self.follower);
        let of_head = counts.map_err(|error| trouble(&error, None))?;
        tally
            .known
            .push((counting, of_base.clone(), of_head.clone()));
        Ok((of_base, of_head))
    }

    /// Finds out what does more than before. What cannot be found out is not said: the check
    /// stands without it.
    fn explain(&mut self, budget: &Budget, tally: &mut Tally, check: &mut Check) {
        let has_base = self.sides.directories().0.is_some();
        if !has_base || matches!(budget.work, Work::Command { .. }) {
            return;
        }
        match check.kind {
            Kind::Imports | Kind::ImportTime => {
                if let Ok((Some(base), head)) = self.counts(budget, Counting::Imports, true, tally)
                {
                    let is_new = |name: &&String| !base.modules.contains(name);
                    let new: Vec<&String> = head.modules.iter().filter(is_new).collect();
                    check.notes.extend(new_modules(&new));
                }
            }
            Kind::Time | Kind::Latency(_) | Kind::Bytecodes => {
                let counted = self.counts(budget, Counting::Bytecodes, true, tally);
                let Ok((Some(base), head)) = counted else {
                    return;
                };
                let (of_base, of_head) = self.sides.directories();
                let prefix = &self.sides.prefix;
                let before = functions(&base, of_base, prefix);
                check.culprits = culprits(&before, &functions(&head, Some(of_head), prefix));
                let is_same = base.values == head.values;
                if is_same && check.kind != Kind::Bytecodes && check.state == State::Broken {
                    check.notes.push(
                        "it executes as many instructions of Python as before: the time goes to \
                         native code, to data or to waiting"
                            .into(),
                    );
                }
            }
            _ => {}
        }
    }

    fn waiver(&self, promise: &Promise, check: &Check) -> Waiver {
        let is_passed = match (&promise.limit, check.kind) {
            (None, _) => false,
            (Some(Limit::Most(most)), _) => check.head.is_some_and(|head| head > *most),
            (Some(Limit::Growth(growth)), _) => {
                check.ratio().is_some_and(|ratio| ratio > 1.0 + growth)
            }
            // Of these nothing but kept or broken is known.
            (Some(Limit::Modules(_) | Limit::Class(_)), _) => true,
        };
        Waiver {
            reason: promise.reason.clone(),
            owner: promise.owner.clone(),
            expires: promise.expires,
            limit: promise.limit.clone(),
            is_expired: promise.expires < self.today,
            is_passed,
        }
    }
}

fn most(limit: &Limit) -> f64 {
    match limit {
        Limit::Most(most) => *most,
        // Growths are judged elsewhere, and the others are none of numbers.
        Limit::Growth(_) | Limit::Modules(_) | Limit::Class(_) => f64::INFINITY,
    }
}

/// What an error of a session means for a check.
fn trouble(error: &Error, base: Option<&Contender>) -> Trouble {
    if matches!(error, Error::Stopped) {
        return Trouble::Stopped;
    }
    let failure = explain(error);
    let is_bases = base.is_some_and(|base| error.name() == Some(base.name.as_str()));
    if is_bases && matches!(error, Error::Raised { .. } | Error::Failed { .. }) {
        let last = failure.why.last().cloned();
        return Trouble::New(last.unwrap_or(failure.what));
    }
    if matches!(failure.status, Status::NotFound | Status::CannotExecute) {
        return Trouble::Fatal(failure);
    }
    Trouble::Missing(match failure.why.last() {
        Some(why) if !failure.what.contains(why.as_str()) => format!("{}: {why}", failure.what),
        _ => failure.what,
    })
}
