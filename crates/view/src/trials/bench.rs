//! The picture of benchmarks, each by itself.

use super::{amount, clock, noise, percent, range, time, title};
use crate::paint::{Column, Page, Style, Table, Tint, number};
use pitstop_analysis::trials::{Measured, Noise};
use pitstop_model::{Clock, Structure};

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders benchmarks, the joules that the processors took meanwhile, and what disturbed them.
pub fn render(
    benchmarks: &[Measured<'_>],
    room: &Noise,
    energy_joules: Option<f64>,
    style: &Style,
) -> String {
    let mut page = Page::new(*style);
    for measured in benchmarks {
        page.blank();
        one(&mut page, measured, *style);
    }
    energy(&mut page, energy_joules);
    disturbances(&mut page, room);
    page.finish()
}

/// Renders many benchmarks, a line each.
pub fn table(
    benchmarks: &[Measured<'_>],
    room: &Noise,
    energy_joules: Option<f64>,
    style: &Style,
) -> String {
    let mut page = Page::new(*style);
    let mut table = Table::new([
        Column::number(),
        Column::number().on_pages_from(80),
        Column::number(),
        Column::number().on_pages_from(72),
        Column::number().on_pages_from(90),
        Column::code(10),
    ]);
    table.titles(["median", "range", "min", "memory", "processes", "benchmark"]);
    for measured in benchmarks {
        let unit = measured.benchmark.unit.as_str();
        let ends = measured.median_interval.map_or(String::new(), |interval| {
            range(
                &amount(interval.low, unit),
                &amount(interval.high, unit),
                *style,
            )
        });
        let memory = measured.peak_rss_bytes.map_or(String::new(), number::bytes);
        table.row([
            (Tint::Strong, amount(measured.time.median, unit)),
            (Tint::Quiet, ends),
            (Tint::None, amount(measured.time.min, unit)),
            (Tint::Quiet, memory),
            (Tint::Quiet, measured.processes.to_string()),
            (Tint::None, title(&measured.benchmark.name)),
        ]);
    }
    table.write(&mut page, 1);
    energy(&mut page, energy_joules);
    disturbances(&mut page, room);
    page.finish()
}

/// Of all processors and everything that ran.
fn energy(page: &mut Page, joules: Option<f64>) {
    if let Some(joules) = joules {
        let text = format!(
            "{} J of the processors, whoever was running",
            super::digits(joules)
        );
        fact(page, "energy", &text);
    }
}

fn disturbances(page: &mut Page, room: &Noise) {
    let sentences = noise::sentences(room);
    for (at, sentence) in sentences.iter().enumerate() {
        let name = if at == 0 { "noise" } else { "" };
        let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
        page.wrapped(line, Tint::None, sentence);
    }
}

fn one(page: &mut Page, measured: &Measured<'_>, style: Style) {
    let Measured {
        benchmark,
        time: summary,
        ..
    } = measured;
    let mut name = title(&benchmark.name);
    if !benchmark.variant.is_empty() {
        name = format!("{name}  ({})", benchmark.variant);
    }
    let line = page.line().gap(1).tinted(Tint::Strong, &name);
    page.push(line);
    if !benchmark.python.is_empty() {
        fact(page, "python", &benchmark.python);
    }
    let unit = benchmark.unit.as_str();
    let text = |value| amount(value, unit);
    let line = page.line().gap(1).tinted(Tint::Quiet, "median");
    let mut line = line.to(FACTS).tinted(Tint::Strong, &text(summary.median));
    if let Some(interval) = measured.median_interval {
        let ends = range(&text(interval.low), &text(interval.high), style);
        line = line.gap(2).put(&ends).gap(1).put("at 95 %");
    }
    if unit.is_empty() {
        line = line.gap(2).tinted(Tint::Quiet, clock(benchmark.clock));
    }
    page.push(line);
    let spread = [
        ("min", summary.min),
        ("mean", summary.mean),
        ("p95", summary.p95),
        ("p99", summary.p99),
        ("max", summary.max),
    ];
    let spread = spread.map(|(name, value)| format!("{name} {}", text(value)));
    fact(page, "spread", &spread.join(&separator(style)));
    if !unit.is_empty() {
        from(page, measured, style);
        return;
    }
    let mut rates = vec![format!("{} a second", per_second(measured.per_second()))];
    if benchmark.clock != Clock::Wall {
        rates.push(format!("elapsed {}", time(measured.wall_ns)));
    }
    rates.extend(measured.cpu_ns.map(|ns| format!("CPU {}", time(ns))));
    let memory = measured.peak_rss_bytes;
    rates.extend(memory.map(|bytes| format!("peak memory {}", number::bytes(bytes))));
    rates.extend(
        measured
            .gc_share
            .map(|share| format!("GC {}", percent(share))),
    );
    fact(page, "rate", &rates.join(&separator(style)));
    if let Some(counted) = &measured.counted {
        let count = |values: &[u64], text: fn(u64) -> String, what: &str| {
            format!("{} {what}", spread_of(values, text))
        };
        let mut parts = vec![count(
            &counted.bytecodes,
            number::count,
            "instructions of Python",
        )];
        if !counted.allocations.is_empty() {
            parts.push(count(&counted.allocations, number::count, "allocations"));
        }
        let most = &counted.peak_allocated_bytes;
        parts.push(count(most, number::bytes, "allocated at once"));
        fact(page, "counts", &parts.join(&separator(style)));
    }
    from(page, measured, style);
}

/// How much is behind the numbers.
fn from(page: &mut Page, measured: &Measured<'_>, style: Style) {
    let benchmark = measured.benchmark;
    let mut counts = vec![number::counted(measured.batches as u64, "value")];
    match benchmark.structure {
        Structure::Processes => {
            let processes = measured.processes;
            let noun = if processes == 1 {
                "process"
            } else {
                "processes"
            };
            counts[0] = format!("{} in {processes} {noun}", counts[0]);
            if processes > 1 {
                counts.push(format!("processes differ by {}", percent(measured.between)));
            }
        }
        Structure::OneProcess => counts.push("all from one process".to_owned()),
        Structure::Unknown => counts.push("from an unknown number of processes".to_owned()),
    }
    if measured.batches > measured.processes {
        counts.push(format!("values of one by {}", percent(measured.within)));
    }
    if measured.unsteady > 0 {
        counts.push(format!("{} never became steady", measured.unsteady));
    }
    fact(page, "from", &counts.join(&separator(style)));
}

/// A count, or from the smallest to the largest of it.
fn spread_of(values: &[u64], text: impl Fn(u64) -> String) -> String {
    match (values.iter().min(), values.iter().max()) {
        (Some(&least), Some(&most)) if least != most => {
            format!("{} to {} (by hash seed)", text(least), text(most))
        }
        (Some(&all), _) => text(all),
        _ => "unknown".to_owned(),
    }
}

fn separator(style: Style) -> String {
    if style.unicode { " · " } else { ", " }.to_owned()
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

fn per_second(rate: f64) -> String {
    if rate >= 1000.0 {
        number::count(rate.round() as u64)
    } else {
        super::digits(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_hash_seeds_change_is_a_range() {
        assert_eq!(spread_of(&[7000; 3], number::count), "7,000");
        let text = spread_of(&[8, 7, 9], number::count);
        assert_eq!(text, "7 to 9 (by hash seed)");
    }
}
