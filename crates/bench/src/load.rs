//! Latency under load: calls at a given rate, counted from when each was due.
//!
//! Who calls again only when the last call is over does not call at all while one takes long, and
//! sees one slow call where users would have seen all that came meanwhile (*coordinated omission*).
//! Here the schedule is fixed beforehand, and what waits for its turn is waiting for an answer.

use crate::channel::{Channel, numbers};
use crate::error::Error;
use crate::job::{Contender, Work};
use crate::layout::{draw, environment};
use crate::player::{Ground, WORKER_MODULE};
use crate::room::Watch;
use crate::session::{Control, Progress, Stop};
use pitstop_model::{Batch, Benchmark, Run, Trials};
use pitstop_stats::Rng;
use pitstop_target::affinity::allowed_cpus;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The most calls in one process: 16 bytes each are kept.
const MOST_CALLS: f64 = 1e6;

/// How to call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadOptions {
    /// Where all draws come from.
    pub seed: u64,
    /// Calls a second.
    pub rate: f64,
    /// Threads that they are shared out to.
    pub threads: u32,
    /// Processes, one after the other.
    pub processes: usize,
    /// How long each of them calls.
    pub each: Duration,
    /// Switch the garbage collector off.
    pub without_gc: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct LoadOutcome {
    /// Two benchmarks: from when calls were due, and from when they began. Each call is a batch;
    /// both have the same processes.
    pub trials: Trials,
    /// Calls that were not over when time was up: their times are at least so long. They stand in
    /// the first benchmark only.
    pub late: u64,
    /// How long it was called, in nanoseconds, all processes together.
    pub elapsed_ns: f64,
    /// CPU time meanwhile, in nanoseconds, what waits for the next call included.
    pub cpu_ns: f64,
    /// How many calls can run at once; 0 for any number, as coroutines can.
    pub servers: u32,
    /// Somebody stopped it; what was measured until then is there.
    pub stopped: bool,
}

/// Calls a function at a rate.
///
/// # Errors
/// See [`Error`]; nothing was measured then. Only a function can be called: [`Error::Opaque`].
pub fn load(
    contender: &Contender,
    options: &LoadOptions,
    control: &mut dyn Control,
) -> Result<LoadOutcome, Error> {
    let Work::Function { setup, target } = &contender.work else {
        return Err(Error::Opaque {
            name: contender.name.clone(),
        });
    };
    let ground = Ground::new(false, options.without_gc)?;
    let stop = Stop::new(control);
    let watch = Watch::start();
    let start = Instant::now();
    let mut rng = Rng::new(options.seed);
    let mut outcome = LoadOutcome {
        trials: Trials::default(),
        late: 0,
        elapsed_ns: 0.0,
        cpu_ns: 0.0,
        servers: 0,
        stopped: false,
    };
    let seconds = options.each.as_secs_f64().min(MOST_CALLS / options.rate);
    for number in 0..options.processes {
        // Not pinned: what calls and what is called may be on different CPUs.
        let layout = draw(&mut rng, None, false);
        let side = &contender.side;
        let words = (side.python.clone(), ground.guest_words(WORKER_MODULE, side));
        let environment = environment(&layout, side, 0);
        let pipes = (Stdio::piped(), Stdio::piped());
        let started = ground.start(&contender.name, side, words, (&layout, environment), pipes);
        let (process, errors) = started?;
        let mut guest = Channel::open(&contender.name, process, errors, &stop)?;
        let collect = if options.without_gc { "off" } else { "on" };
        guest.tell(&["load", "play", &format!("{setup}\0{target}"), collect])?;
        let played = play(&mut guest, options, seconds);
        let (version, answer) = match played {
            Err(Error::Stopped) if !outcome.trials.runs.is_empty() => {
                outcome.stopped = true;
                break;
            }
            played => played?,
        };
        if outcome.trials.benchmarks.is_empty() {
            let python = format!("{version} {}", side.python.to_string_lossy());
            outcome.trials.benchmarks = describe(contender, options, &python);
        }
        let ended = guest.finish()?;
        let mut run = Run {
            pair: number as u32,
            layout,
            peak_rss_bytes: ended.peak_rss_bytes,
            user_ns: ended.user_ns,
            system_ns: ended.system_ns,
            ..Run::default()
        };
        run.batches = answer.calls.iter().map(|call| batch(call.0)).collect();
        outcome.trials.runs.push(run.clone());
        let served = answer.calls.iter().take(answer.served);
        run.batches = served.map(|call| batch(call.1)).collect();
        run.benchmark = 1;
        outcome.trials.runs.push(run);
        outcome.late += (answer.calls.len() - answer.served) as u64;
        outcome.elapsed_ns += answer.elapsed_ns;
        outcome.cpu_ns += answer.cpu_ns;
        outcome.servers = answer.servers;
        stop.tell(&Progress {
            elapsed: start.elapsed(),
            budget: options.each * options.processes as u32,
            done: number + 1,
            ratio: None,
            name: contender.name.clone(),
        });
    }
    let room = &mut outcome.trials.room;
    room.seed = options.seed;
    room.cpus = allowed_cpus(std::process::id()).map_or(0, |cpus| cpus.len() as u32);
    watch.fill(room);
    Ok(outcome)
}

/// One process's calls.
struct Answer {
    /// From when it was due and from when it began, in nanoseconds; first those that were served.
    calls: Vec<(u64, u64)>,
    served: usize,
    elapsed_ns: f64,
    cpu_ns: f64,
    servers: u32,
}

fn play(
    guest: &mut Channel<'_>,
    options: &LoadOptions,
    seconds: f64,
) -> Result<(String, Answer), Error> {
    let line = guest.line()?;
    let version = line
        .strip_prefix("ready ")
        .and_then(|rest| rest.split(' ').next());
    let Some(version) = version.map(str::to_owned) else {
        return Err(guest.garbled(&line));
    };
    let command = format!("l {} {seconds} {}\n", options.rate, options.threads);
    guest.say(command.as_bytes())?;
    let line = guest.line()?;
    let numbers = numbers(&line, "l");
    let Some(&[served, late, elapsed, cpu, servers]) = numbers.as_deref() else {
        return Err(guest.garbled(&line));
    };
    let count = |number: i64| {
        usize::try_from(number)
            .ok()
            .filter(|&n| n as f64 <= MOST_CALLS)
    };
    let (Some(served), Some(late)) = (count(served), count(late)) else {
        return Err(guest.garbled(&line));
    };
    let bytes = guest.bytes((served + late) * 16)?;
    let number = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap_or_default();
        u64::try_from(i64::from_le_bytes(bytes)).unwrap_or(0)
    };
    let calls = bytes.chunks_exact(16);
    let calls = calls.map(|call| (number(&call[..8]), number(&call[8..])));
    let answer = Answer {
        calls: calls.collect(),
        served,
        elapsed_ns: elapsed.max(0) as f64,
        cpu_ns: cpu.max(0) as f64,
        servers: u32::try_from(servers).unwrap_or(0),
    };
    Ok((version, answer))
}

fn batch(ns: u64) -> Batch {
    Batch {
        loops: 1,
        wall_ns: ns as f64,
        ..Batch::default()
    }
}

/// The two benchmarks, with the rate in their names: another rate is another question.
fn describe(contender: &Contender, options: &LoadOptions, python: &str) -> Vec<Benchmark> {
    let mut name = format!("{} at {}/s", contender.name, options.rate);
    if options.threads > 1 {
        name = format!("{name} by {} threads", options.threads);
    }
    let mut latency = contender.describe();
    python.clone_into(&mut latency.python);
    let mut service = latency.clone();
    service.name = format!("{name}, service");
    latency.name = name;
    vec![latency, service]
}
