//! A session of measurements: pilots, then processes or pairs of them, until enough is known.

use crate::energy::Energy;
use crate::error::Error;
use crate::job::Contender;
use crate::layout::draw;
use crate::pilot::{Plan, pilot};
use crate::player::{Ground, Player, is_missing};
use crate::room::Watch;
use pitstop_analysis::trials::difference;
use pitstop_model::{Batch, Clock, Layout, Run, Trials};
use pitstop_stats::{Decision, Rng, Sequential, median, median_interval};
use pitstop_target::affinity::allowed_cpus;
use pitstop_target::launch::can_fix_addresses;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// How two processes of a pair are expected to differ, as a logarithm: the study's 0.5 to 0.9 %.
pub(crate) const PRIOR_SPREAD: f64 = 0.01;

/// A comparison of long programs gets at least so many pairs, whatever they take: fewer decide
/// nothing.
const LEAST_PAIRS: usize = 8;

/// Processes for a range of the median.
const LEAST_PROCESSES: usize = 6;

/// How a session is led.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where all draws come from.
    pub seed: u64,
    /// How often a decision may be wrong: 0.05.
    pub alpha: f64,
    /// The smallest difference that matters, as a share: 0.01.
    pub least: f64,
    /// How long it may take. A comparison gets eight pairs all the same unless
    /// `budget_is_strict`.
    pub budget: Duration,
    /// End when the budget is spent, however little is known.
    pub budget_is_strict: bool,
    /// The most pairs or processes.
    pub most: usize,
    /// A comparison ends when it is known on which side of this change its ratio lies: 0.03 for
    /// 3 % more. Without it, when the sides are known to differ or to be equivalent.
    pub line: Option<f64>,
    /// A comparison takes exactly so many pairs, whatever is known.
    pub pairs: Option<usize>,
    /// What is measured is the first repetition in a fresh process, and nothing else of it.
    pub cold: bool,
    /// Exactly so many processes, for `bench`.
    pub processes: Option<usize>,
    /// Repetitions of a batch instead of a pilot's finding.
    pub loops: Option<u64>,
    /// Batches of a process instead of a pilot's finding.
    pub batches: Option<usize>,
    /// How long a batch should take, in nanoseconds.
    pub batch_ns: Option<f64>,
    /// The clock instead of a pilot's finding.
    pub clock: Option<Clock>,
    /// Commands that end with another status than 0 are measured all the same.
    pub ignore_failure: bool,
    /// Switch the garbage collector off in guests, as timeit does.
    pub without_gc: bool,
    /// Both sides of a pair share their layout. Without it each process draws its own.
    pub matched: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            alpha: 0.05,
            least: 0.01,
            budget: Duration::from_secs(10),
            budget_is_strict: false,
            most: 400,
            line: None,
            pairs: None,
            cold: false,
            processes: None,
            loops: None,
            batches: None,
            batch_ns: None,
            clock: None,
            ignore_failure: false,
            without_gc: false,
            matched: true,
        }
    }
}

/// How far a session is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Since it began.
    pub elapsed: Duration,
    /// As long as it may take.
    pub budget: Duration,
    /// Processes or pairs that are done.
    pub done: usize,
    /// The ratio of a comparison so far, second over first.
    pub ratio: Option<f64>,
    /// What is measured.
    pub name: String,
}

/// Who follows a session: told of its progress, answers whether to stop.
pub trait Control {
    /// Called every now and then.
    fn progress(&mut self, progress: &Progress);
    /// Whether somebody asked to stop. Called also while a process is waited for.
    fn is_stopped(&mut self) -> bool;
}

/// The question whether to stop, for players.
pub(crate) struct Stop<'a>(RefCell<&'a mut dyn Control>);

/// Who knows whether somebody asked to stop.
pub(crate) trait IsAsked {
    fn is_asked(&self) -> bool;
}

impl IsAsked for Stop<'_> {
    fn is_asked(&self) -> bool {
        self.0.borrow_mut().is_stopped()
    }
}

impl<'a> Stop<'a> {
    pub(crate) fn new(control: &'a mut dyn Control) -> Self {
        Self(RefCell::new(control))
    }

    /// The error of being asked to stop.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_asked() {
            return Err(Error::Stopped);
        }
        Ok(())
    }

    pub(crate) fn tell(&self, progress: &Progress) {
        self.0.borrow_mut().progress(progress);
    }
}

/// What a session gave.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that was measured.
    pub trials: Trials,
    /// Somebody stopped it; what was measured until then is there.
    pub stopped: bool,
    /// A process failed in the middle; what was measured until then is there.
    pub failure: Option<Error>,
    /// Of several: those that could not be measured. The others were.
    pub left_out: Vec<Error>,
    /// What the processors took meanwhile, in joules, whoever was running; `None` if the machine
    /// does not tell.
    pub energy_joules: Option<f64>,
}

struct Session<'a> {
    options: &'a Options,
    ground: Ground,
    stop: Stop<'a>,
    rng: Rng,
    start: Instant,
    watch: Watch,
    trials: Trials,
    cpus: Vec<u32>,
    can_fix: bool,
    /// For each of `cpus`: how long processes waited for it, and how long they were there.
    delays: Vec<(f64, f64)>,
    left_out: Vec<Error>,
    energy: Energy,
}

/// Measures contenders one after the other, each in several processes of random layout.
///
/// # Errors
/// See [`Error`]; nothing was measured then.
pub fn bench(
    contenders: &[Contender],
    options: &Options,
    control: &mut dyn Control,
) -> Result<Outcome, Error> {
    let mut session = Session::new(options, control)?;
    let mut end = Ok(());
    for contender in contenders {
        end = session.bench_one(contender);
        if contenders.len() > 1 {
            end = session.go_on(end);
        }
        if end.is_err() {
            break;
        }
    }
    session.outcome(end)
}

/// Compares two contenders in matched pairs, until a decision or the end of the budget.
///
/// # Errors
/// See [`Error`]; nothing was measured then.
pub fn compare(
    sides: [&Contender; 2],
    options: &Options,
    control: &mut dyn Control,
) -> Result<Outcome, Error> {
    let mut session = Session::new(options, control)?;
    let end = session.compare(sides);
    session.outcome(end)
}

/// Compares several, one after the other, each with the whole budget. Both sides of each stand in
/// the outcome behind each other; what could not be measured on both is left out.
///
/// # Errors
/// See [`Error`]; nothing was measured then.
pub fn compare_all(
    sides: &[[Contender; 2]],
    options: &Options,
    control: &mut dyn Control,
) -> Result<Outcome, Error> {
    let mut session = Session::new(options, control)?;
    let mut end = Ok(());
    for [one, other] in sides {
        session.start = Instant::now();
        let before = session.trials.benchmarks.len();
        end = session.compare([one, other]);
        let is_whole = session.trials.benchmarks.len() == before + 2;
        if sides.len() > 1 {
            end = session.go_on(end);
        }
        if !is_whole {
            session.trials.benchmarks.truncate(before);
        }
        if end.is_err() {
            break;
        }
    }
    session.outcome(end)
}

impl<'a> Session<'a> {
    fn new(options: &'a Options, control: &'a mut dyn Control) -> Result<Self, Error> {
        let cpus = allowed_cpus(std::process::id()).unwrap_or_default();
        let can_fix = can_fix_addresses();
        let mut trials = Trials::default();
        trials.room.seed = options.seed;
        trials.room.cpus = cpus.len() as u32;
        trials.room.addresses_refused = !can_fix;
        Ok(Self {
            options,
            ground: Ground::new(options.ignore_failure, options.without_gc)?,
            stop: Stop::new(control),
            rng: Rng::new(options.seed),
            start: Instant::now(),
            watch: Watch::start(),
            trials,
            delays: vec![(0.0, 0.0); cpus.len()],
            cpus,
            can_fix,
            left_out: Vec::new(),
            energy: Energy::start(),
        })
    }

    /// What ends one of several and not all of them is noted.
    fn go_on(&mut self, end: Result<(), Error>) -> Result<(), Error> {
        match end {
            Err(error) if error.name().is_some() => {
                self.left_out.push(error);
                Ok(())
            }
            end => end,
        }
    }

    /// Ends it: an error after something was measured does not take that away.
    fn outcome(mut self, end: Result<(), Error>) -> Result<Outcome, Error> {
        self.watch.fill(&mut self.trials.room);
        let is_empty = self.trials.runs.is_empty();
        let (stopped, failure) = match end {
            Ok(()) if is_empty && !self.left_out.is_empty() => {
                return Err(self.left_out.swap_remove(0));
            }
            Ok(()) => (false, None),
            Err(error) if is_empty => return Err(error),
            Err(Error::Stopped) => (true, None),
            Err(error) => (false, Some(error)),
        };
        Ok(Outcome {
            trials: self.trials,
            stopped,
            failure,
            left_out: self.left_out,
            energy_joules: self.energy.joules(),
        })
    }

    /// Takes a contender in; returns its position and the plan for it.
    fn take_in(&mut self, contender: &Contender) -> Result<(usize, Plan), Error> {
        let layout = draw(&mut self.rng, None, false);
        let plan = pilot(&self.ground, contender, layout, self.options, &self.stop)?;
        let mut benchmark = contender.describe();
        benchmark.clock = plan.clock;
        if contender.work.is_guest() {
            let python = contender.side.python.to_string_lossy();
            benchmark.python = format!("{} {python}", plan.version);
        } else if matches!(contender.work, crate::Work::Script { .. }) {
            benchmark.python = contender.side.python.to_string_lossy().into_owned();
        }
        self.trials.benchmarks.push(benchmark);
        Ok((self.trials.benchmarks.len() - 1, plan))
    }

    fn bench_one(&mut self, contender: &Contender) -> Result<(), Error> {
        let start = Instant::now();
        let (at, plan) = self.take_in(contender)?;
        let mut speeds = Vec::new();
        for number in 0..self.options.most {
            if self.has_enough(&speeds, number, start.elapsed()) {
                break;
            }
            let cpu = (!plan.has_threads).then(|| self.quiet_cpu()).flatten();
            let layout = draw(&mut self.rng, cpu, false);
            let player = Player::start(&self.ground, contender, layout, 0, &self.stop)?;
            let mut run = Self::play_alone(player, &plan)?;
            run.benchmark = at as u32;
            run.pair = number as u32;
            let batches: Vec<f64> = run.steady().map(|batch| batch.ns(plan.clock)).collect();
            speeds.push(median(&batches));
            self.note_delays(&run);
            self.trials.runs.push(run);
            self.tell(contender, number + 1, None)?;
        }
        Ok(())
    }

    /// Whether a benchmark is known well enough: by default the range of its median is within 1 %,
    /// or its share of the budget is spent.
    fn has_enough(&self, speeds: &[f64], number: usize, elapsed: Duration) -> bool {
        if let Some(processes) = self.options.processes {
            return number >= processes;
        }
        let spent = elapsed >= self.options.budget;
        if spent && (number >= LEAST_PROCESSES || (self.options.budget_is_strict && number > 0)) {
            return true;
        }
        // A single run of something very long says what it says.
        if number > 0 && elapsed >= self.options.budget * 6 {
            return true;
        }
        number >= 10
            && median_interval(speeds, 0.95)
                .is_some_and(|range| range.margin() <= 0.01 * median(speeds))
    }

    fn play_alone(mut player: Player<'_>, plan: &Plan) -> Result<Run, Error> {
        player.ready()?;
        let mut batches = Vec::with_capacity(plan.warm_up + plan.batches);
        for number in 0..plan.warm_up + plan.batches {
            let batch = player.batch(plan.loops)?;
            batches.push(Batch {
                warm_up: number < plan.warm_up,
                ..batch
            });
        }
        let (gc_ns, gc_of_ns) = player.watch_gc(plan.loops)?;
        Ok(Run {
            batches,
            gc_ns,
            gc_of_ns,
            ..player.finish()?
        })
    }

    fn compare(&mut self, sides: [&Contender; 2]) -> Result<(), Error> {
        let first = self.trials.benchmarks.len();
        let mut plans = Vec::with_capacity(2);
        for side in sides {
            plans.push(self.take_in(side)?.1);
        }
        even_out(&mut plans);
        for (benchmark, plan) in self.trials.benchmarks[first..].iter_mut().zip(&plans) {
            benchmark.clock = plan.clock;
        }
        let bytes = sides.map(|side| self.ground.stack_bytes(side));
        let longer = bytes[0].max(bytes[1]);
        let even = bytes.map(|own| longer - own);
        let mut sequence = Sequential::new(PRIOR_SPREAD);
        for pair in 0..self.options.pairs.unwrap_or(self.options.most) {
            let spent = self.start.elapsed() >= self.options.budget;
            let is_enough = pair >= LEAST_PAIRS || (self.options.budget_is_strict && pair > 0);
            if spent && is_enough && self.options.pairs.is_none() {
                break;
            }
            let pinned = plans.iter().all(|plan| !plan.has_threads);
            let cpu = pinned.then(|| self.quiet_cpu()).flatten();
            let runs = self.play_pair(sides, &plans, cpu, even)?;
            let clock = plans[0].clock;
            sequence.push(difference(&runs[0], &runs[1], clock).unwrap_or(f64::NAN));
            for (at, mut run) in runs.into_iter().enumerate() {
                run.benchmark = (first + at) as u32;
                run.pair = pair as u32;
                self.note_delays(&run);
                self.trials.runs.push(run);
            }
            if self.options.pairs.is_none() && self.is_decided(&sequence) {
                break;
            }
            let ratio = median(sequence.differences()).exp();
            self.tell(sides[1], pair + 1, Some(ratio))?;
        }
        Ok(())
    }

    fn is_decided(&self, sequence: &Sequential) -> bool {
        let (least, alpha) = (self.options.least.ln_1p(), self.options.alpha);
        let decision = match self.options.line {
            Some(line) => sequence.against(line.ln_1p(), alpha),
            None => sequence.decision(least, alpha),
        };
        decision != Decision::Open
    }

    /// A pair of processes: started in an order that is drawn, then taking turns, each turn in an
    /// order that is drawn.
    fn play_pair(
        &mut self,
        sides: [&Contender; 2],
        plans: &[Plan],
        cpu: Option<u32>,
        even: [usize; 2],
    ) -> Result<[Run; 2], Error> {
        let fixed = self.can_fix && self.options.matched;
        let first = draw(&mut self.rng, cpu, fixed);
        let second = draw(&mut self.rng, cpu, fixed);
        let layouts = [first, if self.options.matched { first } else { second }];
        let order = |rng: &mut Rng| if rng.coin() { [0, 1] } else { [1, 0] };
        let mut players: [Option<Player<'_>>; 2] = [None, None];
        for at in order(&mut self.rng) {
            let layout: Layout = layouts[at];
            let player = Player::start(&self.ground, sides[at], layout, even[at], &self.stop)?;
            players[at] = Some(player);
        }
        let [Some(one), Some(other)] = players else {
            unreachable!("an order names both");
        };
        let mut players = [one, other];
        for player in &mut players {
            player.ready()?;
        }
        let mut batches: [Vec<Batch>; 2] = [Vec::new(), Vec::new()];
        let (warm_up, counted) = (plans[0].warm_up, plans[0].batches);
        for turn in 0..warm_up + counted {
            for at in order(&mut self.rng) {
                let batch = players[at].batch(plans[at].loops)?;
                batches[at].push(Batch {
                    warm_up: turn < warm_up,
                    ..batch
                });
            }
        }
        let [one, other] = players;
        let [of_one, of_other] = batches;
        Ok([
            Run {
                batches: of_one,
                ..one.finish()?
            },
            Run {
                batches: of_other,
                ..other.finish()?
            },
        ])
    }

    /// The CPU that processes waited least for; those that are not known yet come first. `None` if
    /// there is no choice to be made.
    fn quiet_cpu(&mut self) -> Option<u32> {
        let share = |&(delay, time): &(f64, f64)| if time > 0.0 { delay / time } else { -1.0 };
        let least = self.delays.iter().map(share).fold(f64::INFINITY, f64::min);
        // Where all are equally quiet the choice is drawn, which is one layout more.
        let quiet: Vec<u32> = self
            .delays
            .iter()
            .zip(&self.cpus)
            .filter(|(delays, _)| share(delays) <= least + 0.1)
            .map(|(_, cpu)| *cpu)
            .collect();
        let chosen = self.rng.index(quiet.len().max(1));
        quiet.get(chosen).copied()
    }

    fn note_delays(&mut self, run: &Run) {
        let place = self
            .cpus
            .iter()
            .position(|cpu| Some(*cpu) == run.layout.cpu);
        if let Some((delay, time)) = place.and_then(|at| self.delays.get_mut(at)) {
            // What was long ago says little about now.
            (*delay, *time) = (*delay * 0.9, *time * 0.9);
            for batch in &run.batches {
                *delay += batch.delay_ns;
                *time += batch.wall_ns;
            }
        }
    }

    fn tell(&self, contender: &Contender, done: usize, ratio: Option<f64>) -> Result<(), Error> {
        self.stop.tell(&Progress {
            elapsed: self.start.elapsed(),
            budget: self.options.budget,
            done,
            ratio,
            name: contender.name.clone(),
        });
        if self.stop.is_asked() {
            return Err(Error::Stopped);
        }
        Ok(())
    }
}

/// Makes two plans play alike: the same clock, the same turns, and the same number of repetitions
/// where both are about as fast, so that nothing but the sides differs.
fn even_out(plans: &mut [Plan]) {
    let [one, other] = plans else { return };
    if one.clock != other.clock {
        (one.clock, other.clock) = (Clock::WallWithoutDelay, Clock::WallWithoutDelay);
    }
    let warm_up = one.warm_up.max(other.warm_up);
    let batches = one.batches.min(other.batches);
    (one.warm_up, other.warm_up) = (warm_up, warm_up);
    (one.batches, other.batches) = (batches, batches);
    let ratio = one.once_ns / other.once_ns.max(f64::MIN_POSITIVE);
    if (0.5..2.0).contains(&ratio) {
        let loops = u64::midpoint(one.loops, other.loops).max(1);
        (one.loops, other.loops) = (loops, loops);
    }
}

impl Error {
    /// Whether the program is simply not there.
    pub fn is_missing_program(&self) -> bool {
        is_missing(self)
    }
}
