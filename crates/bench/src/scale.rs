//! Measuring at one size after another: sizes are found by trying, then measured in an order that is
//! drawn, in several processes of drawn layout; what the interpreter did is counted at the small ones.

mod guest;
mod sizes;

use crate::error::{Error, Phase};
use crate::job::Side;
use crate::layout::draw;
use crate::player::Ground;
use crate::session::{Control, Progress, Stop};
use guest::{Answer, Batch, Scaler};
use pitstop_analysis::scaling::{Inputs, Limit, Scaled};
use pitstop_model::Clock;
use pitstop_stats::{Rng, median};
use pitstop_target::affinity::allowed_cpus;
use sizes::{Tried, choose, choose_counted, expected, next};
use std::time::{Duration, Instant};

/// The most that may be tried if sizes are inputs themselves, and if something is made of them.
const MOST: u64 = 1_000_000_000;
const MOST_MADE: u64 = 10_000_000;

/// Sizes that need more memory than this are not measured; nor those that need a quarter of what
/// is available.
const MOST_BYTES: u64 = 1 << 30;

/// Inputs that need more memory than this are in no cache any more: every class looks one logarithm
/// higher where they end. They are measured only if calls are too short otherwise, or asked for.
const CACHED_BYTES: u64 = 16 << 20;
const LONG_ENOUGH_NS: f64 = 2e6;

/// A call that is shorter than this with an input as large as the caches does not grow visibly.
const STILL_SHORT_NS: f64 = 5e3;

/// A call may take this share of the budget: with five processes, 14 sizes and a few calls each,
/// all together then take about the whole of it.
const SHARE_OF_A_CALL: f64 = 1.0 / 60.0;

/// Trying sizes may take this share, or so long: forty forks take about half a second on a busy
/// machine, and without them nothing is known.
const SHARE_OF_TRYING: f64 = 0.3;
const LEAST_TRYING: Duration = Duration::from_secs(2);

/// Calls with the same input are repeated until a batch takes this long.
const BATCH_NS: f64 = 300e3;

/// Shorter batches are taken by the wall clock: the least of several was not interrupted, and the
/// CPU clock is a system call.
const SHORT_BATCH_NS: f64 = 1e6;

/// A first call that takes so many times longer than the next ones found what they kept.
const KEPT: f64 = 5.0;

/// What is measured at many sizes.
#[derive(Clone, Debug)]
pub struct ScaleJob {
    /// What people call it.
    pub name: String,
    /// Python that runs once a process.
    pub setup: String,
    /// A function as `package.module:name`, which gets the input, or else a statement that finds
    /// it as `x` and the size as `n` and `{n}`.
    pub is_function: bool,
    /// The function or statement.
    pub text: String,
    /// An expression that gives a function from a size to an input; empty: the size itself.
    pub make: String,
    /// Where.
    pub side: Side,
}

/// How.
#[derive(Clone, Debug)]
pub struct ScaleOptions {
    /// Where all draws come from.
    pub seed: u64,
    /// How long it may take.
    pub budget: Duration,
    /// The smallest size.
    pub least: u64,
    /// The largest size.
    pub most: Option<u64>,
    /// These sizes and no others.
    pub sizes: Vec<u64>,
    /// Processes.
    pub processes: usize,
    /// The clock instead of what was found.
    pub clock: Option<Clock>,
    /// Switch the garbage collector off.
    pub without_gc: bool,
}

impl Default for ScaleOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            budget: Duration::from_secs(10),
            least: 1,
            most: None,
            sizes: Vec::new(),
            processes: 5,
            clock: None,
            without_gc: false,
        }
    }
}

/// What was measured, and whether somebody stopped it.
#[derive(Debug)]
pub struct ScaleOutcome {
    /// Everything that was measured.
    pub scaled: Scaled,
    /// Somebody stopped it.
    pub stopped: bool,
}

/// Measures at many sizes.
///
/// # Errors
/// See [`Error`]; nothing was measured then.
pub fn scale(
    job: &ScaleJob,
    options: &ScaleOptions,
    control: &mut dyn Control,
) -> Result<ScaleOutcome, Error> {
    let mut session = Session {
        job,
        options,
        ground: Ground::new(false, options.without_gc)?,
        stop: Stop::new(control),
        rng: Rng::new(options.seed),
        start: Instant::now(),
        cpus: allowed_cpus(std::process::id()).unwrap_or_default(),
        scaled: Scaled {
            name: job.name.clone(),
            make: job.make.clone(),
            seed: options.seed,
            ..Scaled::default()
        },
        tried: Vec::new(),
        fresh: 0,
    };
    let end = session.run();
    let mut scaled = session.scaled;
    scaled.duration_ns = session.start.elapsed().as_nanos() as u64;
    drop_unmeasured(&mut scaled);
    match end {
        Ok(()) => Ok(ScaleOutcome {
            scaled,
            stopped: false,
        }),
        Err(Error::Stopped) if !scaled.costs.is_empty() => Ok(ScaleOutcome {
            scaled,
            stopped: true,
        }),
        Err(error) => Err(error),
    }
}

/// Takes out the sizes that failed in a process: they did not when they were tried.
fn drop_unmeasured(scaled: &mut Scaled) {
    let is_known = |at: usize| scaled.costs.iter().all(|row| row[at].is_finite());
    let kept: Vec<usize> = (0..scaled.sizes.len()).filter(|&at| is_known(at)).collect();
    scaled.sizes = kept.iter().map(|&at| scaled.sizes[at]).collect();
    for row in &mut scaled.costs {
        *row = kept.iter().map(|&at| row[at]).collect();
    }
}

struct Session<'a> {
    job: &'a ScaleJob,
    options: &'a ScaleOptions,
    ground: Ground,
    stop: Stop<'a>,
    rng: Rng,
    start: Instant,
    cpus: Vec<u32>,
    scaled: Scaled,
    tried: Vec<Tried>,
    fresh: u8,
}

impl Session<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let layout = draw(&mut self.rng, None, false);
        let mut scaler = Scaler::start(&self.ground, self.job, &layout, &self.stop)?;
        let python = self.job.side.python.to_string_lossy();
        let python = format!("{} {python}", scaler.version);
        let explored = explore(
            &mut scaler,
            (self.job, self.options),
            (&self.stop, self.start),
        )?;
        self.scaled.python = python;
        self.scaled.clock = explored.clock;
        self.scaled.inputs = explored.inputs;
        self.scaled.limit = explored.limit;
        self.tried = explored.tried;
        self.fresh = match explored.inputs {
            Inputs::Same => 0,
            Inputs::New => 1,
            Inputs::FirstCall => 2,
        };
        self.scaled.sizes = if self.options.sizes.is_empty() {
            choose(&self.tried, self.options.least)
        } else {
            self.tried.iter().map(|tried| tried.size).collect()
        };
        let counted = choose_counted(&self.tried, self.options.least);
        let mut counts = Vec::new();
        for size in counted {
            match scaler.count(size, self.fresh, 5000)? {
                Answer::Known(count) => counts.push(count),
                // Larger ones would not do better.
                Answer::Late | Answer::Killed(_) | Answer::Raised(_) => break,
            }
            self.stop.check()?;
        }
        scaler.finish()?;
        self.scaled.counts = counts;
        let mut longest = Duration::ZERO;
        for number in 0..self.options.processes {
            let spent = self.start.elapsed() + longest;
            if number >= 3 && spent > self.options.budget {
                break;
            }
            let start = Instant::now();
            let row = self.process()?;
            longest = longest.max(start.elapsed());
            self.scaled.costs.push(row);
            self.tell(number + 1);
        }
        Ok(())
    }

    fn tell(&self, done: usize) {
        self.stop.tell(&Progress {
            elapsed: self.start.elapsed(),
            budget: self.options.budget,
            done,
            ratio: None,
            name: self.job.name.clone(),
        });
    }

    /// One process: every size once, in an order that is drawn.
    fn process(&mut self) -> Result<Vec<f64>, Error> {
        let cpu = self.cpus.get(self.rng.index(self.cpus.len())).copied();
        let cpu = cpu.filter(|_| self.scaled.clock == Clock::Cpu);
        let layout = draw(&mut self.rng, cpu, false);
        let mut order: Vec<usize> = (0..self.scaled.sizes.len()).collect();
        self.rng.shuffle(&mut order);
        let mut row = vec![f64::NAN; order.len()];
        let mut scaler = Scaler::start(&self.ground, self.job, &layout, &self.stop)?;
        for at in order {
            let size = self.scaled.sizes[at];
            row[at] = self.at_size(&mut scaler, size)?;
            self.stop.check()?;
        }
        scaler.finish()?;
        Ok(row)
    }

    /// Nanoseconds of a call at a size; not a number if it failed, which it did not before.
    fn at_size(&self, scaler: &mut Scaler<'_>, size: u64) -> Result<f64, Error> {
        let (ns, make_ns) = expected(&self.tried, size);
        let clock = self.scaled.clock;
        let limit_ms = 10_000 + (self.options.budget.as_millis() as u64) * 2;
        if self.fresh == 2 {
            let mut least = f64::INFINITY;
            let times = if ns < 1e6 { 5 } else { 2 };
            for _ in 0..times {
                match scaler.measure((size, 1, 1), 2, limit_ms)? {
                    Answer::Known(batches) => least = least.min(best(&batches, 1, clock)),
                    _ => return Ok(f64::NAN),
                }
            }
            return Ok(least);
        }
        let (loops, times) = repetitions(size, ns, make_ns, self.fresh);
        match scaler.measure((size, loops, times), self.fresh, limit_ms)? {
            Answer::Known(batches) => Ok(best(&batches, loops, clock)),
            _ => Ok(f64::NAN),
        }
    }
}

/// Calls in a batch, and batches.
fn repetitions(size: u64, ns: f64, make_ns: f64, fresh: u8) -> (u64, u64) {
    let ns = ns.max(20.0);
    if fresh == 0 {
        let loops = (BATCH_NS / ns).clamp(1.0, 1e6) as u64;
        let times = match ns {
            ns if ns < 5e6 => 7,
            ns if ns < 40e6 => 3,
            _ => 2,
        };
        return (loops, times);
    }
    // So few inputs at once that they stay in the cache.
    let together = (20_000 / size.max(1)).clamp(1, 200);
    let loops = ((20_000.0 / ns).ceil() as u64).clamp(1, together);
    let each = (ns + make_ns) * loops as f64;
    let times = (40e6 / each).clamp(2.0, 40.0) as u64;
    (loops, times)
}

/// The least time of a call over batches, in nanoseconds: whatever disturbs makes it longer.
fn best(batches: &[Batch], loops: u64, clock: Clock) -> f64 {
    let of = |&(wall, cpu, delay): &Batch| match clock {
        _ if wall < SHORT_BATCH_NS => wall,
        Clock::Cpu => cpu,
        Clock::WallWithoutDelay => (wall - delay).max(cpu),
        Clock::Wall => wall,
    };
    let least = batches.iter().map(of).fold(f64::INFINITY, f64::min);
    (least / loops.max(1) as f64).max(0.1)
}

/// What trying found out.
struct Explored {
    tried: Vec<Tried>,
    clock: Clock,
    inputs: Inputs,
    limit: Limit,
}

/// Tries larger and larger sizes.
fn explore(
    scaler: &mut Scaler<'_>,
    (job, options): (&ScaleJob, &ScaleOptions),
    (stop, start): (&Stop<'_>, Instant),
) -> Result<Explored, Error> {
    let budget = options.budget;
    let limit_ns = budget.as_nanos() as f64 * SHARE_OF_A_CALL;
    let limit_ms = (limit_ns * 12.0 / 1e6) as u64 + 1000;
    let most = options
        .most
        .unwrap_or(if job.make.is_empty() { MOST } else { MOST_MADE });
    let most_bytes = available_bytes().map_or(MOST_BYTES, |bytes| MOST_BYTES.min(bytes / 4));
    let mut explored = Explored {
        tried: Vec::new(),
        clock: Clock::Cpu,
        inputs: Inputs::Same,
        limit: Limit::Time,
    };
    let mut shares = Vec::new();
    let mut failures: Vec<(u64, Limit, String)> = Vec::new();
    let mut asked = options.sizes.iter().copied();
    let mut changes = false;
    let mut first_rss_bytes = None;
    loop {
        let size = if options.sizes.is_empty() {
            following(&explored.tried, &failures, limit_ns, (options.least, most))
        } else {
            asked.next()
        };
        let Some(size) = size else {
            let largest = explored.tried.last().map_or(0, |tried| tried.size);
            if largest >= most || !options.sizes.is_empty() {
                explored.limit = Limit::Asked;
            }
            break;
        };
        stop.check()?;
        let probe = match scaler.probe(size, limit_ms)? {
            Answer::Known(probe) => probe,
            Answer::Late => break,
            Answer::Killed(signal) => {
                failures.push((size, Limit::Killed(size, signal), String::new()));
                if explored.tried.is_empty() {
                    continue;
                }
                break;
            }
            Answer::Raised(text) => {
                let last = text.lines().rev().find(|line| !line.trim().is_empty());
                let limit = Limit::Failed(size, last.unwrap_or("an exception").to_owned());
                failures.push((size, limit, text));
                // Some things begin at two or ten.
                if explored.tried.is_empty() {
                    continue;
                }
                break;
            }
        };
        changes |= probe.changes;
        shares.push(probe.computes);
        explored.tried.push(Tried {
            size,
            ns: probe.later_ns,
            make_ns: probe.make_ns,
            first_ns: probe.first_ns,
        });
        if !options.sizes.is_empty() {
            continue;
        }
        if probe.make_ns > limit_ns * 2.0 {
            explored.limit = Limit::Making;
            break;
        }
        let first = *first_rss_bytes.get_or_insert(probe.peak_rss_bytes);
        let grown = probe.peak_rss_bytes.saturating_sub(first);
        let tells = !(STILL_SHORT_NS..LONG_ENOUGH_NS).contains(&probe.later_ns);
        if options.most.is_none() && grown > CACHED_BYTES && tells {
            explored.limit = Limit::Cache;
            break;
        }
        if probe.peak_rss_bytes > most_bytes {
            explored.limit = Limit::Memory;
            break;
        }
        if start.elapsed() > budget.mul_f64(SHARE_OF_TRYING).max(LEAST_TRYING) {
            break;
        }
    }
    if explored.tried.is_empty() {
        return Err(nothing_ran(job, failures));
    }
    let largest = explored.tried.last().map_or(0, |tried| tried.size);
    if let Some((_, limit, _)) = failures.into_iter().find(|(size, ..)| *size > largest) {
        explored.limit = limit;
    }
    let upper = &shares[shares.len() * 2 / 3..];
    explored.clock = options.clock.unwrap_or(if median(upper) >= 0.9 {
        Clock::Cpu
    } else {
        Clock::WallWithoutDelay
    });
    explored.inputs = if keeps(&explored.tried) {
        Inputs::FirstCall
    } else if changes {
        Inputs::New
    } else {
        Inputs::Same
    };
    if explored.inputs == Inputs::FirstCall {
        // What is measured is the first call.
        for tried in &mut explored.tried {
            tried.ns = tried.first_ns;
        }
    }
    Ok(explored)
}

/// The next size; after failures at the very first ones, a few more.
fn following(
    tried: &[Tried],
    failures: &[(u64, Limit, String)],
    limit_ns: f64,
    (least, most): (u64, u64),
) -> Option<u64> {
    const BEGINNINGS: [u64; 6] = [1, 2, 3, 4, 10, 100];
    if !tried.is_empty() {
        return next(tried, limit_ns, most);
    }
    let allowed = |at: &&u64| **at >= least && failures.iter().all(|(size, ..)| size < at);
    let begin = BEGINNINGS.iter().find(allowed).copied();
    let begin = begin.or((failures.is_empty()).then_some(least));
    begin.filter(|size| *size <= most)
}

/// Whether a call keeps something that later calls find: the first ones take much longer at the
/// larger sizes, and longer the larger they are.
fn keeps(tried: &[Tried]) -> bool {
    const LONG_NS: f64 = 50e3;
    let upper = &tried[tried.len() / 2..];
    let ratios: Vec<f64> = upper
        .iter()
        .map(|at| at.first_ns / at.ns.max(1.0))
        .collect();
    let (first, last) = (upper[0].first_ns, upper[upper.len() - 1].first_ns);
    upper.len() >= 3 && median(&ratios) > KEPT && last > LONG_NS && last > first * 1.5
}

fn nothing_ran(job: &ScaleJob, failures: Vec<(u64, Limit, String)>) -> Error {
    match failures.into_iter().next() {
        Some((_, Limit::Failed(..), traceback)) => Error::Raised {
            name: job.name.clone(),
            phase: Phase::Statement,
            traceback,
        },
        Some((size, Limit::Killed(_, signal), _)) => Error::NoSize {
            name: job.name.clone(),
            why: format!("its process was ended by signal {signal} at n = {size}"),
        },
        _ => Error::NoSize {
            name: job.name.clone(),
            why: "even the smallest size takes longer than it may".to_owned(),
        },
    }
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(first: impl Fn(f64) -> f64) -> Vec<Tried> {
        let sizes = (0..12).map(|at| 1u64 << at);
        let one = |size: u64| Tried {
            size,
            ns: 200.0,
            make_ns: 0.0,
            first_ns: first(size as f64),
        };
        sizes.map(one).collect()
    }

    #[test]
    fn only_first_calls_that_grow_are_taken_for_the_truth() {
        assert!(keeps(&tried(|n| 500.0 + 400.0 * n)));
        assert!(!keeps(&tried(|_| 5e6)), "an import at the first call");
        assert!(!keeps(&tried(|_| 260.0)));
    }

    #[test]
    fn inputs_that_are_made_anew_stay_few() {
        let (loops, times) = repetitions(10, 60.0, 300.0, 1);
        assert!(loops == 200 && times >= 20);
        let (loops, _) = repetitions(1_000_000, 60.0, 2e7, 1);
        assert_eq!(loops, 1);
        assert_eq!(repetitions(10, 1e8, 0.0, 0), (1, 2));
    }

    #[test]
    fn short_batches_go_by_the_wall_clock() {
        let batches = [(200e3, 100e3, 0.0), (300e3, 90e3, 0.0)];
        assert_eq!(best(&batches, 10, Clock::Cpu), 20e3);
        assert_eq!(best(&[(9e6, 3e6, 1e6)], 1, Clock::Cpu), 3e6);
        assert_eq!(best(&[(9e6, 3e6, 1e6)], 1, Clock::WallWithoutDelay), 8e6);
    }
}
