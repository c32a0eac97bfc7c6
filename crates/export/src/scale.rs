//! The plot as SVG: time over size on logarithmic scales, every process a dot, the class a line.

use crate::amount::duration;
use crate::xml::escape;
use pitstop_analysis::scaling::Scaling;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 52.0;

/// A logarithmic axis between two positions.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        // A single value gets a decade around it.
        let (low, high) = if high < low * 2.0 {
            (low / 3.0, high * 3.0)
        } else {
            (low, high)
        };
        Self {
            low: low.ln(),
            high: high.ln(),
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.ln() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// Powers of ten on it; at most ten of them.
    fn ticks(&self) -> Vec<f64> {
        let decade = |ln: f64| ln / std::f64::consts::LN_10;
        // A power of ten at the very end is one, whatever its logarithm was rounded to.
        let (first, last) = (
            (decade(self.low) - 1e-9).ceil() as i32,
            (decade(self.high) + 1e-9).floor() as i32,
        );
        let step = ((last - first) / 10 + 1).max(1) as usize;
        (first..=last)
            .step_by(step)
            .map(|power| 10f64.powi(power))
            .collect()
    }
}

/// Draws a growth as an SVG document that needs nothing beside it.
pub fn svg(scaling: &Scaling<'_>) -> String {
    let measured = scaling.measured;
    let points: Vec<(f64, f64)> = measured
        .costs
        .iter()
        .flat_map(|row| measured.sizes.iter().zip(row))
        .map(|(&n, &ns)| (n as f64, ns))
        .collect();
    let bounds = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (x, y) = if points.is_empty() {
        ((1.0, 10.0), (1.0, 10.0))
    } else {
        (
            bounds(&mut points.iter().map(|point| point.0)),
            bounds(&mut points.iter().map(|point| point.1)),
        )
    };
    let x = Axis::new(x, (LEFT, WIDTH - RIGHT));
    let y = Axis::new(y, (HEIGHT - BOTTOM, TOP));
    let mut out = String::new();
    let head = match scaling.growth {
        Some(_) if scaling.rising => {
            let exponent = scaling.time.as_ref().map_or(0.0, |time| time.exponent);
            format!("at least n^{exponent:.1}, still rising")
        }
        Some(growth) => growth.text().to_owned(),
        None => "too few sizes".to_owned(),
    };
    let style = "text{font:13px system-ui,sans-serif;fill:#333}.q{fill:#777}.h{font-size:17px;\
                 font-weight:600}.g{stroke:#ddd}.a{stroke:#999}";
    // Writing into a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n<title>{name}: {head}</title>\n\
         <style>{style}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text class=\"h\" x=\"{LEFT}\" y=\"24\">{head}</text>\n\
         <text class=\"q\" x=\"{LEFT}\" y=\"43\">{name}</text>\n",
        name = escape(&title(&measured.name)),
        head = escape(&head),
    );
    for tick in x.ticks() {
        let _ = writeln!(
            out,
            "<path class=\"g\" d=\"M{at:.1} {TOP}V{floor}\"/>\
             <text class=\"q\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{below}\">{tick:.0}</text>",
            at = x.at(tick),
            floor = HEIGHT - BOTTOM,
            below = HEIGHT - BOTTOM + 18.0,
        );
    }
    for tick in y.ticks() {
        let _ = writeln!(
            out,
            "<path class=\"g\" d=\"M{LEFT} {at:.1}H{edge}\"/>\
             <text class=\"q\" text-anchor=\"end\" x=\"{beside}\" y=\"{base:.1}\">{label}</text>",
            at = y.at(tick),
            edge = WIDTH - RIGHT,
            beside = LEFT - 8.0,
            base = y.at(tick) + 4.0,
            label = time(tick),
        );
    }
    let _ = writeln!(
        out,
        "<path class=\"a\" fill=\"none\" d=\"M{LEFT} {TOP}V{floor}H{edge}\"/>\n\
         <text class=\"q\" text-anchor=\"middle\" x=\"{middle}\" y=\"{below}\">n</text>",
        floor = HEIGHT - BOTTOM,
        edge = WIDTH - RIGHT,
        middle = (LEFT + WIDTH - RIGHT) / 2.0,
        below = HEIGHT - 12.0,
    );
    if let Some(known) = &scaling.time {
        let mut line = String::new();
        for step in 0..=120 {
            let size = (x.low + (x.high - x.low) * f64::from(step) / 120.0).exp();
            let at = y.at(known.best.predict(size));
            if at.is_finite() && (TOP - 1.0..=HEIGHT - BOTTOM + 1.0).contains(&at) {
                let word = if line.is_empty() { 'M' } else { 'L' };
                let _ = write!(line, "{word}{:.1} {at:.1}", x.at(size));
            }
        }
        let _ = writeln!(
            out,
            "<path fill=\"none\" stroke=\"#c44\" stroke-width=\"1.5\" d=\"{line}\"/>"
        );
    }
    for (size, ns) in &points {
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#27b\" fill-opacity=\"0.55\">\
             <title>n = {size:.0}: {}</title></circle>",
            x.at(*size),
            y.at(*ns),
            time(*ns),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The first line of a name.
fn title(name: &str) -> String {
    let mut lines = name.trim().lines();
    let first = lines.next().unwrap_or_default().to_owned();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first,
    }
}

/// Whole nanoseconds are as exact as anybody reads a plot.
fn time(ns: f64) -> String {
    duration(ns.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::scaling::{Scaled, scaling};

    #[test]
    fn every_process_is_a_dot_and_nothing_of_a_name_is_markup() {
        let sizes: Vec<u64> = (0..12).map(|power| 1 << power).collect();
        let row: Vec<f64> = sizes.iter().map(|&n| 40.0 + 9.0 * n as f64).collect();
        let measured = Scaled {
            name: "a<b>&\"\u{7}\nsecond line".into(),
            costs: vec![row; 3],
            sizes,
            ..Scaled::default()
        };
        let svg = svg(&scaling(&measured));
        assert_eq!(svg.matches("<circle").count(), 36);
        let title = "<title>a&lt;b&gt;&amp;&quot;\u{fffd} …: O(n)</title>";
        assert!(svg.contains(title), "{svg}");
    }

    #[test]
    fn an_axis_has_decades_and_survives_a_single_value() {
        let axis = Axis::new((1.0, 1000.0), (0.0, 300.0));
        assert_eq!(axis.ticks(), [1.0, 10.0, 100.0, 1000.0]);
        assert!((axis.at(10.0) - 100.0).abs() < 1e-9);
        assert!(Axis::new((5.0, 5.0), (0.0, 1.0)).at(5.0).is_finite());
    }
}
