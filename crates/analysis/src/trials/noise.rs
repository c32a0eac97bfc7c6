//! What disturbed a measurement, in numbers that words can be made of.

use pitstop_model::{Batch, Run, Trials};

/// What disturbed a measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// The share of elapsed time in which what was measured waited for a CPU.
    pub wait_share: f64,
    /// The share of batches in which others took its CPU away.
    pub preempted_share: f64,
    /// The share of all CPUs' time that the hypervisor gave to others.
    pub steal_share: f64,
    /// The share of time in which something waited for a CPU; `None` unknown.
    pub cpu_pressure: Option<f64>,
    /// The share of time in which something waited for memory; `None` unknown.
    pub memory_pressure: Option<f64>,
    /// Addresses could not be fixed, so that pairs differ by layout too.
    pub addresses_refused: bool,
}

impl Noise {
    /// Whether somebody who reads numbers should know.
    pub fn is_worth_saying(&self) -> bool {
        self.wait_share > 0.05
            || self.steal_share > 0.02
            || self.memory_pressure.is_some_and(|share| share > 0.02)
            || self.addresses_refused
    }
}

/// What disturbed a measurement.
pub fn noise(trials: &Trials) -> Noise {
    let batches = || trials.runs.iter().flat_map(Run::steady);
    let sum = |part: fn(&Batch) -> f64| batches().map(part).sum::<f64>();
    let wall = sum(|batch| batch.wall_ns);
    let count = batches().count();
    let hit = batches().filter(|batch| batch.preemptions > 0).count();
    Noise {
        wait_share: if wall > 0.0 {
            sum(|batch| batch.delay_ns) / wall
        } else {
            0.0
        },
        preempted_share: hit as f64 / count.max(1) as f64,
        steal_share: trials.room.steal_share,
        cpu_pressure: trials.room.cpu_pressure,
        memory_pressure: trials.room.memory_pressure,
        addresses_refused: trials.room.addresses_refused,
    }
}
