//! The picture of a growth: the class, a table of sizes, and a plot on logarithmic scales.

mod plot;

use crate::paint::{Column, Page, Style, Table, Tint, number};
use crate::trials::{clock, range, time, title};
use pitstop_analysis::scaling::{Basis, Inputs, Limit, Scaling};
use pitstop_stats::{Complexity, Growth};

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders a growth.
pub fn render(scaling: &Scaling<'_>, style: &Style) -> String {
    let mut page = Page::new(*style);
    headline(&mut page, scaling, *style);
    facts(&mut page, scaling, *style);
    page.blank();
    table(&mut page, scaling);
    if scaling.medians.len() >= 3 {
        page.blank();
        plot::draw(&mut page, scaling, *style);
    }
    page.finish()
}

fn headline(page: &mut Page, scaling: &Scaling<'_>, style: Style) {
    let (tint, word) = match scaling.growth {
        Some(_) if scaling.rising => (Tint::Id, format!("{}, still rising", at_least(scaling))),
        Some(growth) => (Tint::Strong, class(growth, style).to_owned()),
        None => (Tint::Id, "too few sizes to name a class".to_owned()),
    };
    let line = page.line().gap(1).tinted(tint, &word).gap(2);
    let name = title(&scaling.measured.name);
    page.push(line.put(&name));
}

/// What can be said of a growth that has not shown its class yet.
fn at_least(scaling: &Scaling<'_>) -> String {
    let exponent = scaling.time.as_ref().map_or(0.0, |time| time.exponent);
    format!("at least n^{exponent:.1}")
}

/// A class in characters that the style allows.
pub(crate) fn class(growth: Growth, style: Style) -> &'static str {
    if style.unicode {
        return growth.text();
    }
    match growth {
        Growth::Root => "O(sqrt n)",
        Growth::ThreeHalves => "O(n sqrt n)",
        Growth::Quadratic => "O(n^2)",
        Growth::QuadraticLog => "O(n^2 log n)",
        Growth::Cubic => "O(n^3)",
        Growth::Exponential => "O(2^n)",
        plain => plain.text(),
    }
}

fn facts(page: &mut Page, scaling: &Scaling<'_>, style: Style) {
    let measured = scaling.measured;
    let dot = if style.unicode { " · " } else { ", " };
    if !measured.make.is_empty() {
        fact(page, "input", &measured.make);
    }
    if let Some(time) = &scaling.time {
        fact(page, "slope", &slope(time, style));
        let mut others: Vec<String> = Vec::new();
        for (growth, share) in time.support.iter().take(3) {
            others.push(format!("{} {:.0} %", class(*growth, style), share * 100.0));
        }
        let drawn = format!("{} of 100 draws of processes", others.join(dot));
        fact(page, "time says", &drawn);
    }
    let counts = [
        ("bytecodes", scaling.bytecodes),
        ("comparisons and hashes", scaling.elements),
    ];
    let counts = counts
        .into_iter()
        .filter_map(|(name, known)| Some(format!("{name} {}", class(known?, style))));
    let counts = counts.collect::<Vec<_>>().join(dot);
    let verdict = match scaling.basis {
        _ if counts.is_empty() => String::new(),
        Basis::Time => format!("{counts}{dot}the rest happens in C"),
        Basis::Both => format!("{counts}{dot}agree"),
        Basis::Counts => format!("{counts}{dot}exact, and so go before time"),
    };
    if !verdict.is_empty() {
        fact(page, "counted", &verdict);
    }
    let forecasts: Vec<String> = scaling
        .forecasts
        .iter()
        .map(|(size, ns)| format!("n = {}: {}", number::count(*size), long(*ns)))
        .collect();
    if !forecasts.is_empty() {
        fact(page, "expect", &forecasts.join(dot));
    }
    let processes = measured.costs.len();
    let noun = if processes == 1 {
        "process"
    } else {
        "processes"
    };
    let how = [
        format!("{} sizes in {processes} {noun}", measured.sizes.len()),
        format!("{:.1} s", measured.duration_ns as f64 / 1e9),
        clock(measured.clock).to_owned(),
    ];
    fact(page, "measured", &how.join(dot));
    let inputs = match measured.inputs {
        Inputs::Same => None,
        Inputs::New => Some("each call got a new input, since a call changes it"),
        Inputs::FirstCall => Some(
            "the first call of a process: later ones are faster, something is kept between calls",
        ),
    };
    if let Some(inputs) = inputs {
        fact(page, "calls", inputs);
    }
    fact(page, "ended", &ended(scaling));
}

/// Why there is no larger size, and what to do for one.
fn ended(scaling: &Scaling<'_>) -> String {
    let last = scaling.measured.sizes.last().copied().unwrap_or(0);
    let at = format!("at n = {}", number::count(last));
    match &scaling.measured.limit {
        Limit::Time => format!("{at}: a larger one does not fit into the time; more with --time"),
        Limit::Making => format!("{at}: making a larger input takes too long; more with --time"),
        Limit::Memory => format!("{at}: a larger one would need too much memory"),
        Limit::Cache => format!(
            "{at}: larger inputs fill the processor's caches, which is measured with --max N"
        ),
        Limit::Asked => format!("{at}, the largest that was asked for"),
        Limit::Failed(size, error) => {
            format!("{at}: at n = {} it failed, {error}", number::count(*size))
        }
        Limit::Killed(size, signal) => format!(
            "{at}: at n = {} its process was ended by signal {signal}",
            number::count(*size)
        ),
    }
}

fn slope(time: &Complexity, style: Style) -> String {
    let mut text = format!("n^{:.2}", time.exponent);
    if let Some(interval) = time.exponent_interval {
        let (low, high) = (
            format!("{:.2}", interval.low),
            format!("{:.2}", interval.high),
        );
        text = format!("{text} {} at 95 %", range(&low, &high, style));
    }
    text + " over the upper half"
}

/// A time that may be long: `43.2 s`, `12 min`, `3.1 days`.
fn long(ns: f64) -> String {
    let seconds = ns / 1e9;
    match seconds {
        s if s < 120.0 => time(ns),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

fn table(page: &mut Page, scaling: &Scaling<'_>) {
    let mut table = Table::new([
        Column::number(),
        Column::number(),
        Column::number(),
        Column::number().on_pages_from(50),
        Column::number().on_pages_from(60),
    ]);
    table.titles(["n", "time", "of each", "slope", "fit"]);
    let sizes = &scaling.measured.sizes;
    for (at, (&size, &ns)) in sizes.iter().zip(&scaling.medians).enumerate() {
        let slope = at.checked_sub(1).map_or(String::new(), |before| {
            let grown = (ns / scaling.medians[before]).ln();
            format!("{:.2}", grown / (size as f64 / sizes[before] as f64).ln())
        });
        let fit = scaling.time.as_ref().map_or(String::new(), |known| {
            let off = known.best.predict(size as f64) / ns - 1.0;
            format!("{:+.0} %", off * 100.0)
        });
        table.row([
            (Tint::None, number::count(size)),
            (Tint::Strong, time(ns)),
            (Tint::None, time(ns / size as f64)),
            (Tint::Quiet, slope),
            (Tint::Quiet, fit),
        ]);
    }
    table.write(page, 1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::scaling::{Count, Scaled, scaling};

    fn measured(cost: impl Fn(f64) -> f64) -> Scaled {
        let sizes: Vec<u64> = (0..12).map(|at| 16 << at).collect();
        let row: Vec<f64> = sizes.iter().map(|&n| cost(n as f64)).collect();
        Scaled {
            name: "app:work".into(),
            make: "lambda n: [0] * n".into(),
            counts: sizes
                .iter()
                .map(|&size| Count {
                    size,
                    bytecodes: 3 * size + 8,
                    elements: None,
                })
                .collect(),
            costs: vec![row; 3],
            sizes,
            ..Scaled::default()
        }
    }

    #[test]
    fn a_growth_is_named_and_drawn_in_every_width() {
        let measured = measured(|n| 40.0 + 9.0 * n);
        let found = scaling(&measured);
        let text = render(&found, &Style::plain(80));
        assert!(text.starts_with(" O(n)  app:work\n"), "{text}");
        for words in [
            "n^1.00",
            "bytecodes O(n) · agree",
            "n = 65,536: ",
            "●",
            "└───",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        for width in [30, 60, 80, 140] {
            let ascii = render(&found, &Style::ascii(width));
            assert!(ascii.is_ascii(), "{ascii}");
            assert!(ascii.lines().all(|line| line.len() <= width), "{ascii}");
        }
    }

    #[test]
    fn what_still_rises_or_is_too_little_names_no_class() {
        let few = Scaled {
            sizes: vec![1, 2, 3],
            costs: vec![vec![5.0; 3]],
            name: "f".into(),
            limit: Limit::Failed(4, "RecursionError: too deep".into()),
            ..Scaled::default()
        };
        let text = render(&scaling(&few), &Style::plain(80));
        assert!(text.contains("too few sizes"), "{text}");
        assert!(
            text.contains("at n = 4 it failed, RecursionError"),
            "{text}"
        );
        let measured = measured(|n| n);
        let mut found = scaling(&measured);
        found.rising = true;
        let text = render(&found, &Style::plain(80));
        assert!(text.contains("at least n^1.0, still rising"), "{text}");
        assert_eq!(long(3.0 * 86_400e9), "3 days");
    }
}
