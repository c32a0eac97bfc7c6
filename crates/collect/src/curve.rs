//! The curves of memory and CPU time, with a bound on their length.
//!
//! Points are never taken back (the archive has them already), so a long run gets its bound by
//! steps that grow: every 1024 points the step doubles. Between two points the process is still
//! looked at, and the point that is kept is the one with the most memory: no peak is lost.

use pitstop_model::CurvePoint;

const FIRST_STEP_NS: u64 = 10_000_000;
/// Memory is looked at no less often than this, however long the step.
const LOOK_NS: u64 = 50_000_000;
const POINTS_PER_STEP: u32 = 1024;

/// Decides when to look and which points to keep.
#[derive(Debug)]
pub(crate) struct Curve {
    step_ns: u64,
    next_look_ns: u64,
    next_point_ns: u64,
    points_left: u32,
    best: Option<CurvePoint>,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            step_ns: FIRST_STEP_NS,
            next_look_ns: 0,
            next_point_ns: 0,
            points_left: POINTS_PER_STEP,
            best: None,
        }
    }
}

impl Curve {
    /// True when it is time to look, `elapsed_ns` after the start.
    pub(crate) fn is_due(&self, elapsed_ns: u64) -> bool {
        elapsed_ns >= self.next_look_ns
    }

    /// Takes note of what was seen; adds a point to `curve` at the end of each step.
    pub(crate) fn look(&mut self, curve: &mut Vec<CurvePoint>, seen: CurvePoint) {
        self.next_look_ns = seen.time_ns + self.step_ns.min(LOOK_NS);
        if self
            .best
            .is_none_or(|best| seen.rss_bytes >= best.rss_bytes)
        {
            self.best = Some(seen);
        }
        if seen.time_ns >= self.next_point_ns {
            self.close(curve);
            self.next_point_ns = seen.time_ns + self.step_ns;
            self.points_left -= 1;
            if self.points_left == 0 {
                self.points_left = POINTS_PER_STEP;
                self.step_ns *= 2;
            }
        }
    }

    /// Adds what was seen since the last point.
    pub(crate) fn close(&mut self, curve: &mut Vec<CurvePoint>) {
        let Some(mut point) = self.best.take() else {
            return;
        };
        if let Some(last) = curve.last() {
            point.cpu_ns = point.cpu_ns.max(last.cpu_ns);
        }
        curve.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_stays_short_and_keeps_its_peak() {
        let mut curve = Curve::default();
        let mut points = Vec::new();
        let mut time_ns = 0;
        let mut looks = 0;
        while time_ns < 24 * 3_600_000_000_000 {
            looks += 1;
            let rss_bytes = if looks == 50_007 { 1 << 40 } else { 5 };
            curve.look(
                &mut points,
                CurvePoint {
                    time_ns,
                    rss_bytes,
                    cpu_ns: time_ns,
                },
            );
            time_ns = curve.next_look_ns;
        }
        assert!(points.len() < 15_000, "{} points", points.len());
        assert!(points.iter().any(|point| point.rss_bytes == 1 << 40));
        assert!(points.is_sorted_by_key(|point| point.time_ns));
    }
}
