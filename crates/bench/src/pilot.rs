//! How to measure something: how many repetitions make a batch, how many batches are warm-up, how
//! many batches a process is good for, on which clock, on one CPU or on all.

use crate::error::Error;
use crate::job::Contender;
use crate::player::{Ground, Player};
use crate::session::{IsAsked, Options};
use pitstop_model::{Batch, Clock, Layout};
use pitstop_stats::{median, steadiness};

/// A batch should take this long: a thousand times what reading the clocks adds to it, and short
/// against the time slices of others. On a loaded machine sixteen batches of 0.8 ms told as much of
/// a pair as six of 3 ms (both scatter by 0.9 %), in 0.07 to 0.08 s a pair instead of 0.13 or more.
const BATCH_NS: f64 = 1e6;

/// Batches the pilot looks at for warm-up, and as long as it may take over them.
const PILOT_BATCHES: usize = 16;
const PILOT_NS: f64 = 150e6;

/// The most warm-up batches that are played in each process, and how long they may take.
const MOST_WARM_UP: usize = 10;

/// Warm-up is slower by at least this share; what is less is noise, or not worth the time.
const WARM_UP: f64 = 0.05;

/// Computing fills its time to at least this share, waits aside.
const COMPUTES: f64 = 0.95;

/// More CPU time than this share of the thread's own means that other threads work too.
const OTHERS_WORK: f64 = 1.08;

/// What the pilot found out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Repetitions of a batch.
    pub(crate) loops: u64,
    /// Batches at the start of a process that are not counted.
    pub(crate) warm_up: usize,
    /// Batches that are.
    pub(crate) batches: usize,
    /// How long one repetition takes, in nanoseconds.
    pub(crate) once_ns: f64,
    /// The clock.
    pub(crate) clock: Clock,
    /// More than one thread works: one CPU would change what is measured.
    pub(crate) has_threads: bool,
    /// The interpreter's version.
    pub(crate) version: String,
}

/// Plays a process to find out.
pub(crate) fn pilot(
    ground: &Ground,
    contender: &Contender,
    layout: Layout,
    options: &Options,
    stop: &dyn IsAsked,
) -> Result<Plan, Error> {
    // Not pinned: what it would do on all CPUs is part of the question.
    let layout = Layout {
        cpu: None,
        ..layout
    };
    let mut player = Player::start(ground, contender, layout, 0, stop)?;
    player.ready()?;
    let goal = options.batch_ns.unwrap_or(BATCH_NS);
    let is_guest = contender.work.is_guest();
    let is_amount = !contender.work.unit().is_empty();
    let fixed = player.fixed_loops();
    let loops = match options.loops {
        _ if options.cold || is_amount => 1,
        _ if fixed.is_some() => fixed.unwrap_or(1),
        Some(loops) if is_guest => loops.max(1),
        _ if is_guest => calibrate(&mut player, contender, goal)?,
        _ => 1,
    };
    let mut seen: Vec<Batch> = Vec::new();
    let mut spent = 0.0;
    let most = match is_guest {
        _ if options.cold || is_amount => 1,
        true => PILOT_BATCHES,
        false => 2,
    };
    while seen.len() < most && (spent < PILOT_NS || seen.is_empty()) {
        let batch = player.batch(loops)?;
        spent += batch.wall_ns;
        seen.push(batch);
        if stop.is_asked() {
            return Err(Error::Stopped);
        }
    }
    let version = player.version().to_owned();
    player.finish()?;
    let clock = match options.clock {
        _ if is_amount => Clock::Wall,
        Some(clock) => clock,
        None => clock_of(&seen),
    };
    let speeds: Vec<f64> = seen.iter().map(|batch| batch.ns(clock)).collect();
    let repetitions = seen.first().map_or(loops, |batch| batch.loops);
    let batch_ns = median(&speeds) * repetitions as f64;
    let steady = warm_up(&speeds);
    let (warm_up, batches) = match batch_ns {
        _ if options.cold || is_amount => (0, 1),
        // A process costs about 30 ms to start: worth that much measuring, and not much more.
        ns if is_guest && ns < 2e6 => (steady.max(1), options.batches.unwrap_or(12)),
        ns if is_guest && ns < 10e6 => (steady.max(1), options.batches.unwrap_or(6)),
        ns if is_guest && ns < 100e6 => (steady.clamp(1, 2), options.batches.unwrap_or(4)),
        ns if is_guest && ns < 1e9 => (steady.min(1), options.batches.unwrap_or(2)),
        _ => (0, options.batches.unwrap_or(1)),
    };
    Ok(Plan {
        loops,
        warm_up,
        batches,
        once_ns: median(&speeds),
        clock,
        has_threads: has_threads(&seen, is_guest),
        version,
    })
}

/// How many batches at the start are slower for a reason.
fn warm_up(speeds: &[f64]) -> usize {
    let found = steadiness(speeds);
    let (before, after) = speeds.split_at(found.steady_from);
    let is_slower = median(before) > median(after) * (1.0 + WARM_UP);
    if is_slower {
        found.steady_from.min(MOST_WARM_UP)
    } else {
        0
    }
}

/// Doubles until a batch takes half as long as it should, then goes there in one step.
fn calibrate(player: &mut Player<'_>, contender: &Contender, goal: f64) -> Result<u64, Error> {
    let mut loops = 1;
    loop {
        let batch = player.batch(loops)?;
        let ns = batch.cpu_ns.max(batch.wall_ns - batch.delay_ns);
        if ns >= goal / 2.0 {
            return Ok(((loops as f64 * goal / ns).round() as u64).max(1));
        }
        if loops > 1 << 40 {
            return Err(Error::NoTime {
                name: contender.name.clone(),
                loops,
                ns,
            });
        }
        // A single short call says little about many; and no step is larger than sixteen.
        let factor = (goal / ns.max(1.0)).clamp(2.0, 16.0);
        loops = (loops as f64 * factor).ceil() as u64;
    }
}

/// The clock for what was seen (the policy of the study, §2.2).
fn clock_of(batches: &[Batch]) -> Clock {
    let share = |batch: &Batch| batch.cpu_ns / (batch.wall_ns - batch.delay_ns).max(1.0);
    let shares: Vec<f64> = batches.iter().map(share).collect();
    let share = median(&shares);
    let alone = batches
        .iter()
        .all(|batch| batch.all_cpu_ns <= batch.cpu_ns * OTHERS_WORK + 1e5);
    if share >= COMPUTES && alone {
        Clock::Cpu
    } else {
        Clock::WallWithoutDelay
    }
}

/// Whether several threads worked. Of a command only the sum of all its threads is known.
fn has_threads(batches: &[Batch], is_guest: bool) -> bool {
    let alone = |batch: &Batch| {
        let own = if is_guest {
            batch.cpu_ns
        } else {
            batch.wall_ns
        };
        batch.all_cpu_ns / own.max(1.0)
    };
    let shares: Vec<f64> = batches.iter().map(alone).collect();
    median(&shares) > OTHERS_WORK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(wall: f64, cpu: f64, all: f64, delay: f64) -> Batch {
        Batch {
            loops: 1,
            wall_ns: wall * 1e6,
            cpu_ns: cpu * 1e6,
            all_cpu_ns: all * 1e6,
            delay_ns: delay * 1e6,
            ..Batch::default()
        }
    }

    #[test]
    fn only_a_slow_start_is_warm_up() {
        let start = |level: f64, count: usize| {
            let mut speeds = vec![level; count];
            speeds.extend((0..12).map(|at| 100.0 + f64::from(at % 3)));
            warm_up(&speeds)
        };
        assert_eq!(start(150.0, 4), 4);
        assert_eq!(start(103.0, 4), 0, "too little");
        assert_eq!(start(80.0, 4), 0, "a fast start is what will be seen");
        assert_eq!(start(150.0, 0), 0);
        assert_eq!(warm_up(&[]), 0);
    }

    #[test]
    fn computing_goes_by_cpu_time_however_long_it_had_to_wait_for_a_cpu() {
        assert_eq!(clock_of(&[batch(9.0, 3.0, 3.0, 6.0)]), Clock::Cpu);
        assert_eq!(clock_of(&[batch(3.0, 3.0, 3.0, 0.0)]), Clock::Cpu);
    }

    #[test]
    fn sleeping_and_other_threads_go_by_elapsed_time() {
        assert_eq!(
            clock_of(&[batch(9.0, 3.0, 3.0, 1.0)]),
            Clock::WallWithoutDelay
        );
        assert_eq!(
            clock_of(&[batch(3.0, 3.0, 6.0, 0.0)]),
            Clock::WallWithoutDelay
        );
        assert!(has_threads(&[batch(3.0, 3.0, 6.0, 0.0)], true));
        assert!(!has_threads(&[batch(9.0, 3.0, 3.1, 0.0)], true));
        assert!(has_threads(&[batch(3.0, 5.0, 5.0, 0.0)], false));
    }
}
