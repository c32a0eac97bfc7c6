//! What goes on around a measurement: how busy the machine is, what others take from it.

use pitstop_model::Room;
use std::fs;
use std::time::Instant;

/// Counters of the whole machine at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    /// `/proc/stat`, in ticks: all time, idle time, stolen time.
    total: u64,
    idle: u64,
    stolen: u64,
    /// Microseconds in which something waited, by `/proc/pressure`.
    cpu_us: Option<u64>,
    memory_us: Option<u64>,
}

/// Watches the machine from its creation on.
#[derive(Debug)]
pub(crate) struct Watch {
    start: Instant,
    before: Counters,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            before: counters(),
        }
    }

    /// What went on since then; what it does not know is left as it is in `room`.
    pub(crate) fn fill(&self, room: &mut Room) {
        let now = counters();
        let elapsed = self.start.elapsed();
        let share = |now: u64, before: u64, of: f64| {
            let gained = now.saturating_sub(before) as f64;
            if of > 0.0 {
                (gained / of).min(1.0)
            } else {
                0.0
            }
        };
        let total = now.total.saturating_sub(self.before.total) as f64;
        let elapsed_us = elapsed.as_secs_f64() * 1e6;
        let pressure =
            |now: Option<u64>, before: Option<u64>| Some(share(now?, before?, elapsed_us));
        room.duration_ns = elapsed.as_nanos() as u64;
        room.steal_share = share(now.stolen, self.before.stolen, total);
        room.busy_share = 1.0 - share(now.idle, self.before.idle, total).min(1.0);
        room.cpu_pressure = pressure(now.cpu_us, self.before.cpu_us);
        room.memory_pressure = pressure(now.memory_us, self.before.memory_us);
    }
}

fn counters() -> Counters {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    // proc_stat(5): user nice system idle iowait irq softirq steal guest guest_nice; the guests
    // are in user and nice already.
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    let tick = |at: usize| ticks.get(at).copied().unwrap_or(0);
    Counters {
        total: ticks.iter().sum(),
        idle: tick(3) + tick(4),
        stolen: tick(7),
        cpu_us: pressure_us("cpu"),
        memory_us: pressure_us("memory"),
    }
}

/// The `total=` of the line `some`, in microseconds.
fn pressure_us(what: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/pressure/{what}")).ok()?;
    let line = text.lines().find(|line| line.starts_with("some"))?;
    line.rsplit("total=").next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_shares() {
        let watch = Watch::start();
        let mut sum = 0u64;
        while watch.start.elapsed().as_millis() < 40 {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        let mut room = Room::default();
        watch.fill(&mut room);
        assert!(room.duration_ns >= 40_000_000, "{sum}");
        for share in [room.steal_share, room.busy_share] {
            assert!((0.0..=1.0).contains(&share), "{room:?}");
        }
        assert!(
            room.cpu_pressure
                .is_none_or(|share| (0.0..=1.0).contains(&share))
        );
    }
}
