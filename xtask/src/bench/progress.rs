//! A line for each step that is done, with the time that is left.

use std::io::Write;
use std::time::Instant;

/// How far a figure is. Planned seconds are a guess; what is left is corrected by what was taken.
pub(super) struct Progress {
    start: Instant,
    planned_s: f64,
    done_s: f64,
}

impl Progress {
    /// For a figure whose steps are planned to take that long together.
    pub(super) fn new(figure: &str, planned_s: f64) -> Self {
        println!("\n{figure}: about {}", duration(planned_s));
        Self {
            start: Instant::now(),
            planned_s,
            done_s: 0.0,
        }
    }

    /// A step is done that was planned to take that long; `line` says what came out.
    pub(super) fn done(&mut self, planned_s: f64, line: &str) {
        self.done_s += planned_s;
        let factor = self.start.elapsed().as_secs_f64() / self.done_s.max(0.001);
        let left = (self.planned_s - self.done_s).max(0.0) * factor;
        let left = match left {
            left if left < 1.0 => String::new(),
            left => format!("  ({} left)", duration(left)),
        };
        println!("  {line}{left}");
        // A run that is cut off has told at least this.
        let _ = std::io::stdout().flush();
    }
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..5400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_are_told_as_people_do() {
        assert_eq!(duration(42.4), "42 s");
        assert_eq!(duration(240.0), "4 min");
        assert_eq!(duration(5820.0), "1 h 37 min");
    }
}
